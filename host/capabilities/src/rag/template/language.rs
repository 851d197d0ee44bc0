//! What a template is made of, with every name resolved: nothing is looked up by name while it renders but its
//! parameters.

/// A template's statements, one after the other.
pub(super) type Body = Vec<Statement>;

/// A name that the template uses, by its place in the list of names.
pub(super) type Name = u16;

/// One statement.
#[derive(Debug)]
pub(super) enum Statement {
    /// Text as it stands.
    Text(String),
    /// `{{ … }}`
    Emit(ExpressionNode),
    /// `{% if %}` with its `elif` branches and `else`.
    If { branches: Vec<(ExpressionNode, Body)>, otherwise: Body },
    /// `{% for %}` with its condition and `else`.
    For {
        target: AssignmentTarget,
        over: ExpressionNode,
        condition: Option<ExpressionNode>,
        body: Body,
        otherwise: Body,
    },
    /// `{% set … = … %}`
    Set { target: AssignmentTarget, value: ExpressionNode },
    /// `{% set … %}…{% endset %}`
    Capture { name: Name, body: Body },
    /// `{% with %}`
    With { assignments: Vec<(AssignmentTarget, ExpressionNode)>, body: Body },
}

/// What a value is assigned to.
#[derive(Debug)]
pub(super) enum AssignmentTarget {
    One(Name),
    /// The items of a list, each to a name.
    Each(Vec<Name>),
}

/// An expression, the line it begins in, and how deep it is.
#[derive(Debug)]
pub(super) struct ExpressionNode {
    pub kind: Box<ExpressionKind>,
    pub line: u16,
    pub depth: u16,
}

/// What an expression is.
#[derive(Debug)]
pub(super) enum ExpressionKind {
    Constant(Constant),
    Variable(Name),
    Loop(LoopField),
    Attribute(ExpressionNode, String),
    Item(ExpressionNode, ExpressionNode),
    Slice {
        of: ExpressionNode,
        start: Option<ExpressionNode>,
        stop: Option<ExpressionNode>,
        step: Option<ExpressionNode>,
    },
    Not(ExpressionNode),
    Negative(ExpressionNode),
    Arithmetic(Arithmetic, ExpressionNode, ExpressionNode),
    And(ExpressionNode, ExpressionNode),
    Or(ExpressionNode, ExpressionNode),
    Comparison(ExpressionNode, Vec<(Comparison, ExpressionNode)>),
    Choice {
        test: ExpressionNode,
        yes: ExpressionNode,
        no: Option<ExpressionNode>,
    },
    Filter {
        filter: Filter,
        of: ExpressionNode,
        arguments: Arguments,
    },
    Test {
        test: Test,
        of: ExpressionNode,
        arguments: Arguments,
    },
    Range(Vec<ExpressionNode>),
    Cycle(Vec<ExpressionNode>),
    List(Vec<ExpressionNode>),
    Tuple(Vec<ExpressionNode>),
    Map(Vec<(ExpressionNode, ExpressionNode)>),
}

/// A literal.
#[derive(Debug)]
pub(super) enum Constant {
    None,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
}

/// What is given to a filter or test.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub positional: Vec<ExpressionNode>,
    pub named: Vec<(&'static str, ExpressionNode)>,
    /// For `map`: the filter that every item goes through.
    pub filter: Option<Filter>,
    /// For `select` and the like: what every item is tested for.
    pub test: Option<Test>,
}

/// Two values to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
    Concatenate,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

/// A list of things with names, and how many arguments each takes.
macro_rules! named {
    ($(#[$meta:meta])* $kind:ident { $($variant:ident = $($name:literal)|+ ($from:literal..=$to:literal $(, $keyword:literal)*);)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $kind { $($variant),+ }

        impl $kind {
            /// Every name, in the order of the alphabet or nearly so.
            pub const NAMES: &[&str] = &[$($($name),+),+];

            /// What has this name.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($($name)|+ => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// Its name, the usual one of several.
            #[allow(dead_code, reason = "what a loop knows of itself is told by the name that was written")]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => {
                        let [name, ..] = [$($name),+];
                        name
                    })+
                }
            }

            /// How many arguments without a name it takes, and which with one.
            #[allow(dead_code, reason = "what a loop knows of itself takes none")]
            pub fn signature(self) -> (std::ops::RangeInclusive<usize>, &'static [&'static str]) {
                match self {
                    $(Self::$variant => ($from..=$to, &[$($keyword),*]),)+
                }
            }
        }
    };
}

named! {
    /// The filters there are.
    Filter {
        Abs = "abs" (0..=0);
        Bool = "bool" (0..=0);
        Capitalize = "capitalize" (0..=0);
        Default = "default" | "d" (0..=2);
        Dictsort = "dictsort" (0..=0, "by", "case_sensitive", "reverse");
        First = "first" (0..=0);
        Float = "float" (0..=1, "default");
        Format = "format" (0..=16);
        Indent = "indent" (0..=3, "width", "first", "blank");
        Int = "int" (0..=1, "default");
        Items = "items" (0..=0);
        Join = "join" (0..=2, "d", "attribute");
        Last = "last" (0..=0);
        Length = "length" | "count" (0..=0);
        Lines = "lines" (0..=0);
        List = "list" (0..=0);
        Lower = "lower" (0..=0);
        Map = "map" (0..=8, "attribute", "default");
        Max = "max" (0..=0, "attribute", "case_sensitive");
        Min = "min" (0..=0, "attribute", "case_sensitive");
        Reject = "reject" (0..=8);
        Rejectattr = "rejectattr" (1..=8);
        Replace = "replace" (2..=2);
        Reverse = "reverse" (0..=0);
        Round = "round" (0..=2, "precision", "method");
        Safe = "safe" (0..=0);
        Select = "select" (0..=8);
        Selectattr = "selectattr" (1..=8);
        Sort = "sort" (0..=0, "attribute", "case_sensitive", "reverse");
        Split = "split" (0..=2);
        String = "string" (0..=0);
        Sum = "sum" (0..=2, "attribute", "start");
        Title = "title" (0..=0);
        Trim = "trim" (0..=1);
        Unique = "unique" (0..=0, "attribute", "case_sensitive");
        Upper = "upper" (0..=0);
    }
}

named! {
    /// The tests there are.
    Test {
        Boolean = "boolean" (0..=0);
        Defined = "defined" (0..=0);
        Divisibleby = "divisibleby" (1..=1);
        Endingwith = "endingwith" (1..=1);
        Equal = "eq" | "equalto" | "==" (1..=1);
        Even = "even" (0..=0);
        False = "false" (0..=0);
        Float = "float" (0..=0);
        GreaterOrEqual = "ge" | ">=" (1..=1);
        Greater = "gt" | "greaterthan" | ">" (1..=1);
        In = "in" (1..=1);
        Integer = "integer" | "int" (0..=0);
        Iterable = "iterable" (0..=0);
        LessOrEqual = "le" | "<=" (1..=1);
        Lower = "lower" (0..=0);
        Less = "lt" | "lessthan" | "<" (1..=1);
        Mapping = "mapping" (0..=0);
        NotEqual = "ne" | "!=" (1..=1);
        None = "none" (0..=0);
        Number = "number" (0..=0);
        Odd = "odd" (0..=0);
        Sequence = "sequence" (0..=0);
        Startingwith = "startingwith" (1..=1);
        String = "string" (0..=0);
        True = "true" (0..=0);
        Undefined = "undefined" (0..=0);
        Upper = "upper" (0..=0);
    }
}

named! {
    /// What a loop knows of itself.
    LoopField {
        Depth = "depth" (0..=0);
        Depth0 = "depth0" (0..=0);
        First = "first" (0..=0);
        Index = "index" (0..=0);
        Index0 = "index0" (0..=0);
        Last = "last" (0..=0);
        Length = "length" (0..=0);
        Nextitem = "nextitem" (0..=0);
        Previtem = "previtem" (0..=0);
        Revindex = "revindex" (0..=0);
        Revindex0 = "revindex0" (0..=0);
    }
}

impl Filter {
    /// Whether its first argument names a test.
    pub fn tests_items(self) -> bool {
        matches!(self, Self::Select | Self::Reject | Self::Selectattr | Self::Rejectattr)
    }
}

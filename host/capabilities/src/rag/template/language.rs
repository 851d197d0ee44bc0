//! The syntax tree of a template, with all names resolved: rendering looks up only parameters by name.

/// Statements in their order.
pub(super) type Body = Vec<Statement>;

/// A name that the template uses, as its index in the list of names.
pub(super) type Name = u16;

/// One statement.
#[derive(Debug)]
pub(super) enum Statement {
    /// Literal text.
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

/// The target of an assignment.
#[derive(Debug)]
pub(super) enum AssignmentTarget {
    One(Name),
    /// Several names, which take the items of a list.
    Each(Vec<Name>),
}

/// An expression, the line in which it begins, and its depth.
#[derive(Debug)]
pub(super) struct ExpressionNode {
    pub kind: Box<ExpressionKind>,
    pub line: u16,
    pub depth: u16,
}

/// The kinds of expressions.
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

/// The arguments of a filter or test.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub positional: Vec<ExpressionNode>,
    pub named: Vec<(&'static str, ExpressionNode)>,
    /// For `map`: the filter for every item.
    pub filter: Option<Filter>,
    /// For `select` and similar filters: the test for every item.
    pub test: Option<Test>,
}

/// Operators of arithmetic.
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

/// Operators of comparison.
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

/// Declares names, and the arguments of each.
macro_rules! named {
    ($(#[$meta:meta])* $kind:ident { $($variant:ident = $($name:literal)|+ ($from:literal..=$to:literal $(, $keyword:literal)*);)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $kind { $($variant),+ }

        impl $kind {
            /// All names, nearly in alphabetical order.
            pub const NAMES: &[&str] = &[$($($name),+),+];

            /// The value for a name; aliases count.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($($name)|+ => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// The name; the usual one if there are several.
            #[allow(dead_code, reason = "what a loop knows of itself is told by the name that was written")]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => {
                        let [name, ..] = [$($name),+];
                        name
                    })+
                }
            }

            /// The number of positional arguments, and the names of keyword arguments.
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
    /// The filters of the language.
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
    /// The tests of the language.
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
    /// The fields of `loop`.
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

use std::fmt::Write as _;

use super::super::meter::{RenderError, RenderMeter};
use super::super::run::calculate;
use super::super::value::{TemplateText, Value};
use super::Given;

/// The widest field, and the most digits, of `format`.
const WIDEST: usize = 200;

/// A value's text, with the cost of looking at its characters one by one.
fn looked_at<'a>(value: &Value<'a>, meter: &mut RenderMeter) -> Result<TemplateText<'a>, RenderError> {
    let text = value.to_text(meter)?;
    meter.look(text.len())?;
    // A text may become longer when its case changes.
    meter.text(text.len().saturating_mul(3))?;
    Ok(text)
}

pub(super) fn lower<'a>(value: &Value<'a>, meter: &mut RenderMeter) -> Result<Value<'a>, RenderError> {
    Ok(Value::made(looked_at(value, meter)?.to_lowercase()))
}

pub(super) fn upper<'a>(value: &Value<'a>, meter: &mut RenderMeter) -> Result<Value<'a>, RenderError> {
    Ok(Value::made(looked_at(value, meter)?.to_uppercase()))
}

/// The first letter in upper case, the others in lower case.
pub(super) fn capitalize<'a>(value: &Value<'a>, meter: &mut RenderMeter) -> Result<Value<'a>, RenderError> {
    let text = looked_at(value, meter)?;
    let mut characters = text.chars();
    let mut out = String::with_capacity(text.len());
    if let Some(first) = characters.next() {
        push_title_case(first, &mut out);
        push_lower_case(&text, first.len_utf8(), &mut out);
    }
    Ok(Value::made(out))
}

/// The first letter of every word in upper case, the others in lower case.
pub(super) fn title<'a>(value: &Value<'a>, meter: &mut RenderMeter) -> Result<Value<'a>, RenderError> {
    let text = looked_at(value, meter)?;
    let separates = |character: char| matches!(character, '-' | '(' | '{' | '[' | '<') || character.is_whitespace();
    let mut out = String::with_capacity(text.len());
    for word in text.split_inclusive(separates) {
        let (word, separator) = match word.char_indices().next_back() {
            Some((at, last)) if separates(last) => word.split_at(at),
            _ => (word, ""),
        };
        if let Some(first) = word.chars().next() {
            out.extend(first.to_uppercase());
            push_lower_case(word, first.len_utf8(), &mut out);
        }
        out.push_str(separator);
    }
    Ok(Value::made(out))
}

/// The letters of a word from a position on, in lower case. The whole word decides whether a sigma is a final one.
fn push_lower_case(word: &str, from: usize, out: &mut String) {
    let lowered = word.to_lowercase();
    let before: usize =
        word.get(..from).unwrap_or_default().chars().flat_map(char::to_lowercase).map(char::len_utf8).sum();
    out.push_str(lowered.get(before..).unwrap_or_default());
}

/// The title case of a letter, which differs from its upper case only for ligatures and digraphs.
fn push_title_case(first: char, out: &mut String) {
    let code = u32::from(first);
    match code {
        0x1c4..=0x1cc => out.extend(char::from_u32(code - (code - 0x1c4) % 3 + 1)),
        0x1f1..=0x1f3 => out.push('\u{1f2}'),
        0x10d0..=0x10fa | 0x10fd..=0x10ff => out.push(first),
        _ => {
            let mut upper = first.to_uppercase();
            out.extend(upper.next());
            // `ß` becomes `Ss`, not `SS`.
            out.extend(upper.flat_map(char::to_lowercase));
        }
    }
}

pub(super) fn trim<'a>(
    value: &Value<'a>,
    given: &Given<'a>,
    meter: &mut RenderMeter,
) -> Result<Value<'a>, RenderError> {
    let text = looked_at(value, meter)?;
    let trimmed = match given.text(0, "characters")? {
        Some(characters) => {
            meter.steps(text.len().saturating_mul(characters.len()) / 8)?;
            text.trim_matches(|character| characters.contains(character))
        }
        None => text.trim(),
    };
    Ok(Value::made(trimmed))
}

pub(super) fn replace<'a>(
    value: &Value<'a>,
    given: &Given<'a>,
    meter: &mut RenderMeter,
) -> Result<Value<'a>, RenderError> {
    let [from, to] = given.positional.as_slice() else {
        return Err(RenderError::failed("`replace` takes what is replaced, and by what"));
    };
    from.there()?;
    to.there()?;
    let (text, from, to) = (value.to_text(meter)?, from.to_text(meter)?, to.to_text(meter)?);
    meter.look(text.len().saturating_add(from.len()).saturating_mul(2))?;
    let count = text.matches(&*from).count();
    meter.steps(count)?;
    meter.text(text.len().saturating_add(count.saturating_mul(to.len())))?;
    Ok(Value::made(text.replace(&*from, &to)))
}

fn only_text(filter: &str, value: &Value<'_>) -> Result<(), RenderError> {
    if value.as_text().is_some() {
        return Ok(());
    }
    Err(RenderError::failed(format!("`{filter}` takes a text, not {}", value.kind())))
}

pub(super) fn split<'a>(
    value: &Value<'a>,
    given: &Given<'a>,
    meter: &mut RenderMeter,
) -> Result<Value<'a>, RenderError> {
    only_text("split", value)?;
    let text = looked_at(value, meter)?;
    let most = given.at(1, "").map(calculate::integer).transpose()?.and_then(|most| usize::try_from(most).ok());
    let most = most.map_or(usize::MAX, |most| most.saturating_add(1));
    let parts: Vec<Value<'a>> = match given.text(0, "separator")? {
        Some(separator) => {
            meter.look(separator.len())?;
            meter.places(text.matches(separator).count().saturating_add(1))?;
            text.splitn(most, separator).map(Value::made).collect()
        }
        None if most == usize::MAX => {
            meter.places(text.split_whitespace().count())?;
            text.split_whitespace().map(Value::made).collect()
        }
        None => return Err(RenderError::failed("`split` takes a number of parts only after a separator")),
    };
    Value::list(parts, false)
}

pub(super) fn lines<'a>(value: &Value<'a>, meter: &mut RenderMeter) -> Result<Value<'a>, RenderError> {
    only_text("lines", value)?;
    let text = looked_at(value, meter)?;
    meter.places(text.lines().count())?;
    Value::list(text.lines().map(Value::made).collect(), false)
}

pub(super) fn indent<'a>(
    value: &Value<'a>,
    given: &Given<'a>,
    meter: &mut RenderMeter,
) -> Result<Value<'a>, RenderError> {
    let text = looked_at(value, meter)?;
    let width = given.at(0, "width").map_or(Ok(4), calculate::integer)?;
    let width = usize::try_from(width).map_err(|_| RenderError::failed("`indent` takes a width of 0 or more"))?;
    let (first, blank) = (given.switch(1, "first")?, given.switch(2, "blank")?);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    let count = text.matches('\n').count().saturating_add(1);
    meter.text(count.saturating_mul(width).saturating_add(text.len()))?;
    let spaces = " ".repeat(width);
    let mut out = String::new();
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.push('\n');
        }
        let empty = line.is_empty() || line == "\r";
        if (at > 0 || first) && (!empty || blank) {
            out.push_str(&spaces);
        }
        out.push_str(line);
    }
    Ok(Value::made(out))
}

/// The conversions `%s`, `%d`, `%i`, `%f` and `%%`, with the flags `-`, `0` and `+`, a width and a precision.
pub(super) fn format<'a>(
    value: &Value<'a>,
    given: &Given<'a>,
    meter: &mut RenderMeter,
) -> Result<Value<'a>, RenderError> {
    let Some(pattern) = value.as_text() else {
        return Err(RenderError::failed(format!("`format` is applied to a text, not {}", value.kind())));
    };
    meter.look(pattern.len())?;
    let mut values = given.positional.iter();
    let (mut out, mut rest) = (String::new(), pattern);
    while let Some((before, behind)) = rest.split_once('%') {
        out.push_str(before);
        let (field, behind) = Field::read(behind)?;
        meter.text(before.len())?;
        field.write(&mut values, &mut out, meter)?;
        rest = behind;
    }
    meter.text(rest.len())?;
    out.push_str(rest);
    if values.next().is_some() {
        return Err(RenderError::failed("`format` was given more values than its text has fields"));
    }
    Ok(Value::made(out))
}

#[derive(Default)]
struct Field {
    left: bool,
    zeros: bool,
    plus: bool,
    width: usize,
    digits: Option<usize>,
    conversion: char,
}

impl Field {
    fn read(text: &str) -> Result<(Self, &str), RenderError> {
        let mut field = Self::default();
        let mut rest = text;
        loop {
            let mut characters = rest.chars();
            match characters.next() {
                Some('-') => field.left = true,
                Some('0') => field.zeros = true,
                Some('+') => field.plus = true,
                _ => break,
            }
            rest = characters.as_str();
        }
        (field.width, rest) = number(rest)?;
        if let Some(digits) = rest.strip_prefix('.') {
            let (digits, behind) = number(digits)?;
            (field.digits, rest) = (Some(digits), behind);
        }
        let mut characters = rest.chars();
        field.conversion = characters.next().unwrap_or(' ');
        if !matches!(field.conversion, 's' | 'd' | 'i' | 'f' | 'F' | '%') {
            return Err(RenderError::failed("`format` knows the fields %s, %d, %i, %f and %%"));
        }
        Ok((field, characters.as_str()))
    }

    fn write<'v, 'a: 'v>(
        &self,
        values: &mut impl Iterator<Item = &'v Value<'a>>,
        out: &mut String,
        meter: &mut RenderMeter,
    ) -> Result<(), RenderError> {
        if self.conversion == '%' {
            out.push('%');
            return Ok(());
        }
        let Some(value) = values.next() else {
            return Err(RenderError::failed("`format` was given fewer values than its text has fields"));
        };
        value.there()?;
        meter.text(self.width.saturating_add(400))?;
        if self.conversion == 's' {
            let text = value.to_text(meter)?;
            meter.look(text.len())?;
            let shown: String = text.chars().take(self.digits.unwrap_or(usize::MAX)).collect();
            self.pad("", &shown, out, ' ');
            return Ok(());
        }
        let Some(float) = calculate::float(value) else {
            return Err(RenderError::failed(format!(
                "`format` takes a number for %{}, not {}",
                self.conversion,
                value.kind()
            )));
        };
        let mut number = String::new();
        let negative = match (self.conversion, value) {
            ('d' | 'i', Value::Integer(value)) => {
                let _ = write!(number, "{}", value.unsigned_abs());
                *value < 0
            }
            ('d' | 'i', _) => {
                let _ = write!(number, "{}", (float as i128).unsigned_abs());
                (float as i128) < 0
            }
            _ => {
                let _ = write!(number, "{:.*}", self.digits.unwrap_or(6), float.abs());
                float.is_sign_negative()
            }
        };
        let sign = if negative {
            "-"
        } else if self.plus {
            "+"
        } else {
            ""
        };
        self.pad(sign, &number, out, if self.zeros && !self.left { '0' } else { ' ' });
        Ok(())
    }

    fn pad(&self, sign: &str, text: &str, out: &mut String, filler: char) {
        let missing = self.width.saturating_sub(sign.len() + text.chars().count());
        let fill = |out: &mut String| out.extend(std::iter::repeat_n(filler, missing));
        if filler == '0' {
            out.push_str(sign);
            fill(out);
        } else {
            if !self.left {
                fill(out);
            }
            out.push_str(sign);
        }
        out.push_str(text);
        if self.left {
            fill(out);
        }
    }
}

fn number(text: &str) -> Result<(usize, &str), RenderError> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(length);
    let number = if digits.is_empty() { Some(0) } else { digits.parse().ok() };
    match number.filter(|number| *number <= WIDEST) {
        Some(number) => Ok((number, rest)),
        None => Err(RenderError::failed(format!("a field of `format` is at most {WIDEST} wide"))),
    }
}

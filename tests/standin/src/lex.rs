//! PTX text to tokens, each with its line.

/// One token of PTX.
#[derive(Clone, PartialEq, Debug)]
pub enum Token {
    /// A name, a directive or an opcode, with all its dots: `%tid.x`, `.reg`, `add.s32`, `$L1`.
    Word(String),
    /// A number as the bits of its value; `Number::is_float` tells which.
    Number(Number),
    /// A quoted string.
    Text(String),
    /// One character of punctuation.
    Punct(char),
}

/// A literal.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Number {
    /// Decimal, hexadecimal, octal or binary.
    Int(u64),
    /// `0f3F800000`: the bits of a single.
    Single(u32),
    /// `0d3FF0000000000000`, or decimal with a point.
    Double(u64),
}

/// All tokens of `text` with their line numbers, from 1.
pub fn tokens(text: &str) -> Result<Vec<(Token, usize)>, String> {
    let bytes = text.as_bytes();
    let (mut out, mut i, mut line) = (Vec::new(), 0, 1);
    let word = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'$' | b'%' | b'.');
    while i < bytes.len() {
        let c = bytes[i];
        match c {
            b'\n' => {
                line += 1;
                i += 1;
            }
            0 => break,
            c if c.is_ascii_whitespace() => i += 1,
            b'/' if bytes.get(i + 1) == Some(&b'/') => {
                while i < bytes.len() && bytes[i] != b'\n' {
                    i += 1;
                }
            }
            b'/' if bytes.get(i + 1) == Some(&b'*') => {
                let end = text[i + 2..].find("*/").ok_or("a comment has no end")? + i + 4;
                line += text[i..end].matches('\n').count();
                i = end;
            }
            b'"' => {
                let end = text[i + 1..].find('"').ok_or("a string has no end")? + i + 1;
                out.push((Token::Text(text[i + 1..end].into()), line));
                i = end + 1;
            }
            c if word(c) => {
                let from = i;
                while i < bytes.len() && word(bytes[i]) {
                    i += 1;
                }
                let s = &text[from..i];
                let t = if c.is_ascii_digit() {
                    Token::Number(number(s).ok_or_else(|| format!("line {line}: number {s}"))?)
                } else {
                    Token::Word(s.into())
                };
                out.push((t, line));
            }
            _ => {
                out.push((Token::Punct(text[i..].chars().next().unwrap_or(' ')), line));
                i += 1;
                while !text.is_char_boundary(i) {
                    i += 1;
                }
            }
        }
    }
    Ok(out)
}

fn number(s: &str) -> Option<Number> {
    let low = s.to_ascii_lowercase();
    if let Some(h) = low.strip_prefix("0d") {
        return u64::from_str_radix(h, 16).ok().map(Number::Double);
    }
    if let Some(h) = low.strip_prefix("0f") {
        return u32::from_str_radix(h, 16).ok().map(Number::Single);
    }
    if let Some(h) = low.strip_prefix("0x") {
        return u64::from_str_radix(h.trim_end_matches('u'), 16).ok().map(Number::Int);
    }
    if let Some(b) = low.strip_prefix("0b") {
        return u64::from_str_radix(b.trim_end_matches('u'), 2).ok().map(Number::Int);
    }
    if low.contains('.') {
        return low.parse::<f64>().ok().map(|v| Number::Double(v.to_bits()));
    }
    let digits = low.trim_end_matches('u');
    if digits.len() > 1 && digits.starts_with('0') {
        return u64::from_str_radix(&digits[1..], 8).ok().map(Number::Int);
    }
    digits.parse().ok().map(Number::Int)
}

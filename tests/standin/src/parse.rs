//! Tokens to a syntax tree. Nothing is resolved here; what cannot be read is an error with its line.

use crate::lex::{Number, Token, tokens};
use crate::syntax::{Func, Inst, Operand, Stmt, Text, Var, literal};
use crate::types::Ty;

/// An error with the line it stands on.
pub type Res<T> = Result<T, String>;

/// Reads a PTX text.
pub fn parse(text: &str) -> Res<Text> {
    let mut p = Parser { tokens: tokens(text)?, at: 0 };
    let mut out = Text::default();
    while p.at < p.tokens.len() {
        let line = p.line();
        match p.word()?.as_str() {
            ".version" => match p.next()? {
                Token::Number(Number::Double(v)) => {
                    out.version = (f64::from_bits(v) * 10.0).round() as u32
                }
                t => return Err(format!("line {line}: version {t:?}")),
            },
            ".target" => {
                out.target = p
                    .word()?
                    .strip_prefix("sm_")
                    .and_then(|n| n.parse().ok())
                    .ok_or(format!("line {line}: target"))?;
                while p.eat(',') {
                    p.word()?;
                }
            }
            ".address_size" => {
                if p.int()? != 64 {
                    return Err("only 64-bit addresses".into());
                }
            }
            ".extern" | ".visible" | ".weak" | ".common" => {}
            ".file" | ".loc" => p.skip_line(line),
            ".section" => while p.next()? != Token::Punct('}') {},
            ".entry" => out.funcs.push(p.func(true, line)?),
            ".func" => out.funcs.push(p.func(false, line)?),
            space @ (".global" | ".const" | ".shared") => {
                let v = p.var(space, line)?;
                p.expect(';')?;
                out.vars.push(v);
            }
            w => return Err(format!("line {line}: {w}")),
        }
    }
    if out.funcs.is_empty() || out.target == 0 {
        return Err("no PTX: it names no target or holds no function".into());
    }
    Ok(out)
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    at: usize,
}

impl Parser {
    fn line(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(0, |t| t.1)
    }
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|t| &t.0)
    }
    fn next(&mut self) -> Res<Token> {
        let t = self.peek().cloned().ok_or("the text ends too early")?;
        self.at += 1;
        Ok(t)
    }
    fn word(&mut self) -> Res<String> {
        let line = self.line();
        match self.next()? {
            Token::Word(w) => Ok(w),
            t => Err(format!("line {line}: {t:?} where a name should be")),
        }
    }
    fn int(&mut self) -> Res<u64> {
        let line = self.line();
        let minus = self.eat('-');
        match self.next()? {
            Token::Number(Number::Int(v)) => Ok(if minus { v.wrapping_neg() } else { v }),
            t => Err(format!("line {line}: {t:?} where an integer should be")),
        }
    }
    fn eat(&mut self, c: char) -> bool {
        let yes = self.peek() == Some(&Token::Punct(c));
        self.at += yes as usize;
        yes
    }
    fn expect(&mut self, c: char) -> Res<()> {
        let line = self.line();
        if self.eat(c) { Ok(()) } else { Err(format!("line {line}: {c} is missing")) }
    }
    fn skip_line(&mut self, line: usize) {
        while self.at < self.tokens.len() && self.line() == line {
            self.at += 1;
        }
    }

    /// After the state space: `.align 8 .b8 name[32] = {...}`.
    fn var(&mut self, space: &str, line: usize) -> Res<Var> {
        let (mut align, mut ty) = (None, None);
        let name = loop {
            match self.word()?.as_str() {
                ".align" => align = Some(self.int()? as usize),
                ".ptr" | ".global" | ".const" | ".shared" | ".local" | ".attribute" => {}
                w if w.starts_with('.') => {
                    ty = Some(
                        Ty::parse(&w[1..])
                            .ok_or_else(|| format!("line {line}: type {w} of a variable"))?,
                    );
                }
                w => break w.to_string(),
            }
        };
        let ty = ty.ok_or_else(|| format!("line {line}: {name} has no type"))?;
        let mut count = 1;
        while self.eat('[') {
            count *= if self.peek() == Some(&Token::Punct(']')) { 0 } else { self.int()? as usize };
            self.expect(']')?;
        }
        let bytes = count * ty.size();
        let mut init = Vec::new();
        if self.eat('=') {
            self.values(ty, &mut init)?;
            init.resize(bytes, 0);
        }
        Ok(Var {
            space: space.trim_start_matches('.').into(),
            name,
            ty,
            align: align.unwrap_or(ty.size()),
            bytes,
            init,
            line,
        })
    }

    fn values(&mut self, ty: Ty, out: &mut Vec<u8>) -> Res<()> {
        if self.eat('{') {
            while !self.eat('}') {
                self.values(ty, out)?;
                self.eat(',');
            }
            return Ok(());
        }
        let line = self.line();
        let minus = self.eat('-');
        let Token::Number(n) = self.next()? else {
            return Err(format!(
                "line {line}: a variable is initialised with something other than numbers"
            ));
        };
        let bits = literal(n, ty);
        let bits = if minus { bits.wrapping_neg() } else { bits };
        out.extend_from_slice(&bits.to_le_bytes()[..ty.size()]);
        Ok(())
    }

    fn vars(&mut self) -> Res<Vec<Var>> {
        let mut out = Vec::new();
        self.expect('(')?;
        while !self.eat(')') {
            let line = self.line();
            let space = self.word()?;
            out.push(self.var(&space, line)?);
            self.eat(',');
        }
        Ok(out)
    }

    fn func(&mut self, entry: bool, line: usize) -> Res<Func> {
        let returns =
            if self.peek() == Some(&Token::Punct('(')) { self.vars()? } else { Vec::new() };
        let name = self.word()?;
        let params =
            if self.peek() == Some(&Token::Punct('(')) { self.vars()? } else { Vec::new() };
        let mut f = Func { name, entry, returns, params, body: None, max_threads: None, line };
        loop {
            if self.eat(';') {
                return Ok(f);
            }
            if self.eat('{') {
                f.body = Some(self.body()?);
                return Ok(f);
            }
            match self.word()?.as_str() {
                dir
                @ (".maxntid" | ".reqntid" | ".minnctapersm" | ".maxnreg" | ".maxnctapersm") => {
                    let mut n = self.int()?;
                    while self.eat(',') {
                        n *= self.int()?;
                    }
                    if dir.ends_with("ntid") {
                        f.max_threads = Some(n as u32);
                    }
                }
                ".noreturn" => {}
                ".pragma" => {
                    self.next()?;
                    self.expect(';')?;
                }
                w => return Err(format!("line {}: {w} on a function", self.line())),
            }
        }
    }

    fn body(&mut self) -> Res<Vec<Stmt>> {
        let (mut out, mut depth) = (Vec::new(), 0);
        loop {
            let line = self.line();
            if self.eat('{') {
                depth += 1;
                out.push(Stmt::Open);
                continue;
            }
            if self.eat('}') {
                if depth == 0 {
                    return Ok(out);
                }
                depth -= 1;
                out.push(Stmt::Close);
                continue;
            }
            if self.eat(';') {
                continue;
            }
            let mut guard = None;
            if self.eat('@') {
                let not = self.eat('!');
                guard = Some((self.word()?, not));
            }
            let word = self.word()?;
            if self.eat(':') {
                out.push(Stmt::Label(word));
                continue;
            }
            match word.as_str() {
                ".reg" => self.regs(line, &mut out)?,
                ".shared" | ".local" | ".param" | ".const" | ".global" => {
                    out.push(Stmt::Var(self.var(&word, line)?));
                    self.expect(';')?;
                }
                ".loc" | ".file" => self.skip_line(line),
                ".pragma" => {
                    self.next()?;
                    self.expect(';')?;
                }
                ".branchtargets" => {
                    let mut names = vec![self.word()?];
                    while self.eat(',') {
                        names.push(self.word()?);
                    }
                    self.expect(';')?;
                    out.push(Stmt::Targets(names));
                }
                w if w.starts_with('.') => return Err(format!("line {line}: {w}")),
                _ => {
                    let mut args = Vec::new();
                    while !self.eat(';') {
                        args.push(self.operand()?);
                        if !self.eat(',') {
                            self.expect(';')?;
                            break;
                        }
                    }
                    out.push(Stmt::Inst(Inst { line, guard, op: word, args }));
                }
            }
        }
    }

    fn regs(&mut self, line: usize, out: &mut Vec<Stmt>) -> Res<()> {
        let t = self.word()?;
        let ty = Ty::parse(t.trim_start_matches('.'))
            .ok_or_else(|| format!("line {line}: registers of type {t}"))?;
        loop {
            let name = self.word()?;
            let mut count = None;
            if self.eat('<') {
                count = Some(self.int()? as usize);
                self.expect('>')?;
            }
            out.push(Stmt::Reg { ty, name, count });
            if !self.eat(',') {
                return self.expect(';');
            }
        }
    }

    fn list(&mut self, close: char) -> Res<Vec<Operand>> {
        let mut out = Vec::new();
        while !self.eat(close) {
            out.push(self.operand()?);
            self.eat(',');
        }
        Ok(out)
    }

    fn operand(&mut self) -> Res<Operand> {
        if self.eat('{') {
            return Ok(Operand::Vector(self.list('}')?));
        }
        if self.eat('(') {
            return Ok(Operand::List(self.list(')')?));
        }
        if self.eat('!') {
            return Ok(Operand::Not(self.word()?));
        }
        if self.eat('[') {
            let base = self.operand()?;
            let mut offset = 0i64;
            if self.eat('+') || self.peek() == Some(&Token::Punct('-')) {
                offset = self.int()? as i64;
            }
            self.expect(']')?;
            return Ok(Operand::Address(Box::new(base), offset));
        }
        let line = self.line();
        let minus = self.eat('-');
        match self.next()? {
            Token::Number(Number::Int(v)) => {
                Ok(Operand::Number(Number::Int(if minus { v.wrapping_neg() } else { v })))
            }
            Token::Number(n) if !minus => Ok(Operand::Number(n)),
            Token::Word(w) if !minus => {
                if self.eat('|') {
                    Ok(Operand::Pair(w, self.word()?))
                } else {
                    Ok(Operand::Name(w))
                }
            }
            t => Err(format!("line {line}: operand {t:?}")),
        }
    }
}

//! The syntax tree to steps: names become slots, labels become places, functions become one list.
//!
//! Calls are static: PTX without recursion needs no frames, so every function of a kernel has its own
//! slots and its own part of the thread's local memory, and parameters are copied there.

use crate::memory::Space;
use crate::program::{Kernel, Slot, Special, Step};
use crate::syntax::{Func, Inst, Stmt, Text, Var};
use crate::types::Ty;
use std::collections::HashMap;

/// What a name stands for.
#[derive(Clone, Copy, Debug)]
pub enum Entity {
    /// A register, with its slot once it has one.
    Register(Ty, Option<Slot>),
    /// A variable at an address of its own state space.
    Variable(Space, u64),
    /// A parameter of the kernel, at an offset.
    Param(usize),
    /// `.extern .shared`: begins where static shared memory ends.
    Dynamic,
}

/// Where a device function begins, and where its parameters and results lie in local memory.
#[derive(Clone, Default)]
pub(crate) struct Placed {
    pub params: Vec<(u32, u32)>,
    pub returns: Vec<(u32, u32)>,
}

/// Builds one kernel.
pub(crate) struct Builder<'a> {
    pub text: &'a Text,
    pub kernel: Kernel,
    pub scopes: Vec<HashMap<String, Entity>>,
    pub ranges: Vec<Vec<(String, usize, Ty)>>,
    pub constants: HashMap<u64, Slot>,
    pub specials: HashMap<Special, Slot>,
    pub dynamic: Option<Slot>,
    /// The carry of `add.cc` and its kin, once there is one.
    pub carry: Option<Slot>,
    pub labels: HashMap<String, u32>,
    /// Steps whose jump goes to a label: (step, label).
    pub jumps: Vec<(usize, String)>,
    pub table_labels: HashMap<String, Vec<String>>,
    pub placed: HashMap<String, Placed>,
    /// Calls to fill in when all functions have their place: (step, function).
    pub calls: Vec<(usize, String)>,
    pub queue: Vec<String>,
    pub entry: bool,
    line: u32,
    /// Everything that is refused.
    pub errors: Vec<String>,
}

/// All kernels of `text`. `globals` holds the addresses of the module's variables. The error names
/// every instruction that is refused, with its line.
pub fn kernels(text: &Text, globals: &HashMap<String, u64>) -> Result<Vec<Kernel>, String> {
    let mut out = Vec::new();
    let mut errors: Vec<String> = Vec::new();
    for f in text.funcs.iter().filter(|f| f.entry && f.body.is_some()) {
        let mut b = Builder::new(text, globals);
        b.kernel_body(f);
        errors.append(&mut b.errors);
        out.push(b.kernel);
    }
    errors.sort();
    errors.dedup();
    if !errors.is_empty() {
        errors.sort_by_key(|e| e.split([' ', ':']).nth(1).and_then(|n| n.parse::<u32>().ok()));
        return Err(format!("refused: {}", errors.join("\nrefused: ")));
    }
    out.iter_mut().for_each(crate::flow::mark);
    Ok(out)
}

impl<'a> Builder<'a> {
    fn new(text: &'a Text, globals: &HashMap<String, u64>) -> Self {
        let mut b = Builder {
            text,
            kernel: Kernel::default(),
            scopes: vec![HashMap::new()],
            ranges: vec![Vec::new()],
            constants: HashMap::new(),
            specials: HashMap::new(),
            dynamic: None,
            carry: None,
            labels: HashMap::new(),
            jumps: Vec::new(),
            table_labels: HashMap::new(),
            placed: HashMap::new(),
            calls: Vec::new(),
            queue: Vec::new(),
            entry: true,
            line: 0,
            errors: Vec::new(),
        };
        for v in &text.vars {
            let e = match (v.space.as_str(), v.bytes) {
                ("shared", 0) => Entity::Dynamic,
                ("shared", _) => continue, // placed when a kernel mentions it
                ("const", _) => Entity::Variable(Space::Constant, globals[&v.name]),
                _ => Entity::Variable(Space::Global, globals.get(&v.name).copied().unwrap_or(0)),
            };
            b.scopes[0].insert(v.name.clone(), e);
        }
        b
    }

    fn kernel_body(&mut self, f: &Func) {
        self.kernel.name = f.name.clone();
        self.kernel.max_threads = f.max_threads.unwrap_or(1024);
        let mut offset = 0usize;
        for p in &f.params {
            offset = offset.next_multiple_of(p.align);
            self.scopes[0].insert(p.name.clone(), Entity::Param(offset));
            self.kernel.params.push((offset, p.bytes));
            offset += p.bytes;
        }
        self.kernel.param_bytes = offset;
        self.function(f);
        self.entry = false;
        let mut starts = HashMap::new();
        while let Some(name) = self.queue.pop() {
            if starts.contains_key(&name) {
                continue;
            }
            let Some(g) = self.text.funcs.iter().find(|g| g.name == name && g.body.is_some())
            else {
                self.errors.push(format!("line {}: call of {name}, which has no body", self.line));
                continue;
            };
            starts.insert(name, self.kernel.code.len() as u32);
            self.function(g);
        }
        for (at, name) in std::mem::take(&mut self.calls) {
            if let Some(&to) = starts.get(&name) {
                self.kernel.code[at] = Step::Call { to };
            }
        }
        self.kernel.shared = self.kernel.shared.next_multiple_of(16);
        if let Some(s) = self.dynamic {
            self.kernel.template[s as usize] = self.kernel.shared as u64;
        }
    }

    fn function(&mut self, f: &Func) {
        self.kernel.roots.push(self.kernel.code.len() as u32);
        self.scopes.push(HashMap::new());
        self.ranges.push(Vec::new());
        if !self.entry {
            let placed = self.place(f);
            for (v, (at, _)) in
                f.params.iter().zip(&placed.params).chain(f.returns.iter().zip(&placed.returns))
            {
                self.bind(&v.name, Entity::Variable(Space::Local, u64::from(*at)));
            }
        }
        self.labels.clear();
        self.jumps.clear();
        self.table_labels.clear();
        let body = f.body.as_deref().unwrap_or(&[]);
        // Tables come after the branches that use them.
        for pair in body.windows(2) {
            if let [Stmt::Label(l), Stmt::Targets(t)] = pair {
                self.table_labels.insert(l.clone(), t.clone());
            }
        }
        for s in body {
            match s {
                Stmt::Open => {
                    self.scopes.push(HashMap::new());
                    self.ranges.push(Vec::new());
                }
                Stmt::Close => {
                    self.scopes.pop();
                    self.ranges.pop();
                }
                Stmt::Reg { ty, name, count: None } => self.bind(name, Entity::Register(*ty, None)),
                Stmt::Reg { ty, name, count: Some(n) } => {
                    if let Some(r) = self.ranges.last_mut() {
                        r.push((name.clone(), *n, *ty));
                    }
                }
                Stmt::Var(v) => self.variable(v),
                Stmt::Label(l) => {
                    self.labels.insert(l.clone(), self.kernel.code.len() as u32);
                }
                Stmt::Targets(_) => {}
                Stmt::Inst(i) => self.instruction(i),
            }
        }
        // Falling off the end is a return.
        self.kernel.code.push(if self.entry { Step::Exit } else { Step::Return });
        self.kernel.lines.push(self.line);
        self.kernel.bounds.push((false, false));
        self.link();
        self.scopes.pop();
        self.ranges.pop();
    }

    fn link(&mut self) {
        for (at, label) in std::mem::take(&mut self.jumps) {
            let Some(&place) = self.labels.get(&label) else {
                self.errors.push(format!("line {}: no label {label}", self.kernel.lines[at]));
                continue;
            };
            match &mut self.kernel.code[at] {
                Step::Jump { to } | Step::Branch { to, .. } => *to = place,
                Step::Table(i) => self.kernel.tables[*i as usize].to.push(place),
                _ => {}
            }
        }
    }

    fn instruction(&mut self, i: &Inst) {
        self.line = i.line as u32;
        let from = self.kernel.code.len();
        let result = self.guarded(i);
        if let Err(e) = result {
            self.errors.push(format!("line {}: {}: {e}", i.line, i.op));
        }
        if self.kernel.code.len() > from {
            let last = self.kernel.code.len() - 1;
            self.kernel.bounds[from].0 = true;
            self.kernel.bounds[last].1 = true;
        }
    }

    fn guarded(&mut self, i: &Inst) -> Result<(), String> {
        let Some((name, not)) = &i.guard else { return self.decode(i, None) };
        let p = self.register(name)?.0;
        if i.op == "bra" || i.op == "bra.uni" {
            return self.decode(i, Some((p, *not)));
        }
        let at = self.kernel.code.len();
        self.push(Step::Branch { p, not: !*not, to: 0 });
        self.decode(i, None)?;
        let after = self.kernel.code.len() as u32;
        self.kernel.code[at] = Step::Branch { p, not: !*not, to: after };
        Ok(())
    }

    /// Appends a step.
    pub fn push(&mut self, s: Step) {
        self.kernel.code.push(s);
        self.kernel.lines.push(self.line);
        self.kernel.bounds.push((false, false));
    }

    fn bind(&mut self, name: &str, e: Entity) {
        if let Some(s) = self.scopes.last_mut() {
            s.insert(name.into(), e);
        }
    }

    fn variable(&mut self, v: &Var) {
        let place = match v.space.as_str() {
            "shared" if v.bytes == 0 => return self.bind(&v.name, Entity::Dynamic),
            "shared" => Entity::Variable(Space::Shared, bump(&mut self.kernel.shared, v)),
            "local" | "param" => Entity::Variable(Space::Local, bump(&mut self.kernel.local, v)),
            s => {
                return self
                    .errors
                    .push(format!("line {}: .{s} variable inside a function", v.line));
            }
        };
        self.bind(&v.name, place);
    }

    /// The place of a function's parameters, given on first mention.
    pub fn place(&mut self, f: &Func) -> Placed {
        if let Some(p) = self.placed.get(&f.name) {
            return p.clone();
        }
        let mut at = |v: &Var| (bump(&mut self.kernel.local, v) as u32, v.bytes as u32);
        let p = Placed {
            params: f.params.iter().map(&mut at).collect(),
            returns: f.returns.iter().map(&mut at).collect(),
        };
        self.placed.insert(f.name.clone(), p.clone());
        p
    }
}

/// Room for `v` after `top`.
pub(crate) fn bump(top: &mut usize, v: &Var) -> u64 {
    *top = top.next_multiple_of(v.align.max(1)) + v.bytes;
    (*top - v.bytes) as u64
}

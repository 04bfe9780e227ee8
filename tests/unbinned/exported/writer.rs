//! Models in ONNX (version 8 of its representation, operators 17), written field by field in protobuf.

/// What numbers are, by its number in the format.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Single = 1,
    Integer = 7,
    Double = 11,
}

/// A dimension: fixed, or any.
pub(crate) type Dim = Option<i64>;

#[derive(Default)]
pub(crate) struct Graph {
    nodes: Vec<Vec<u8>>,
    constants: Vec<Vec<u8>>,
    inputs: Vec<Vec<u8>>,
    outputs: Vec<Vec<u8>>,
}

fn varint(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// A field of bytes: a text or a message.
fn bytes(field: u64, value: &[u8], out: &mut Vec<u8>) {
    varint(field << 3 | 2, out);
    varint(value.len() as u64, out);
    out.extend(value);
}

fn integer(field: u64, value: i64, out: &mut Vec<u8>) {
    varint(field << 3, out);
    varint(value as u64, out);
}

impl Graph {
    /// An operator with its attribute `axis`, where it has one.
    pub(crate) fn node(&mut self, kind: &str, inputs: &[&str], output: &str, axis: Option<i64>) {
        let mut node = Vec::new();
        inputs.iter().for_each(|name| bytes(1, name.as_bytes(), &mut node));
        bytes(2, output.as_bytes(), &mut node);
        bytes(4, kind.as_bytes(), &mut node);
        if let Some(axis) = axis {
            let mut attribute = Vec::new();
            bytes(1, b"axis", &mut attribute);
            integer(3, axis, &mut attribute);
            // an integer
            integer(20, 2, &mut attribute);
            bytes(5, &attribute, &mut node);
        }
        self.nodes.push(node);
    }

    pub(crate) fn constant(&mut self, name: &str, kind: Kind, dims: &[i64], values: &[f64]) {
        let mut tensor = Vec::new();
        dims.iter().for_each(|n| integer(1, *n, &mut tensor));
        integer(2, kind as i64, &mut tensor);
        bytes(8, name.as_bytes(), &mut tensor);
        let mut raw = Vec::new();
        for x in values {
            match kind {
                Kind::Single => raw.extend((*x as f32).to_le_bytes()),
                Kind::Integer => raw.extend((*x as i64).to_le_bytes()),
                Kind::Double => raw.extend(x.to_le_bytes()),
            }
        }
        bytes(9, &raw, &mut tensor);
        self.constants.push(tensor);
    }

    pub(crate) fn input(&mut self, name: &str, kind: Kind, dims: &[Dim]) {
        self.inputs.push(value(name, kind, dims));
    }

    pub(crate) fn output(&mut self, name: &str, kind: Kind, dims: &[Dim]) {
        self.outputs.push(value(name, kind, dims));
    }

    pub(crate) fn model(&self) -> Vec<u8> {
        let mut graph = Vec::new();
        self.nodes.iter().for_each(|node| bytes(1, node, &mut graph));
        bytes(2, b"flow", &mut graph);
        self.constants.iter().for_each(|tensor| bytes(5, tensor, &mut graph));
        self.inputs.iter().for_each(|input| bytes(11, input, &mut graph));
        self.outputs.iter().for_each(|output| bytes(12, output, &mut graph));
        let mut model = Vec::new();
        integer(1, 8, &mut model);
        bytes(7, &graph, &mut model);
        let mut operators = Vec::new();
        bytes(1, b"", &mut operators);
        integer(2, 17, &mut operators);
        bytes(8, &operators, &mut model);
        model
    }
}

/// A name with the type and shape of its tensor.
fn value(name: &str, kind: Kind, dims: &[Dim]) -> Vec<u8> {
    let mut shape = Vec::new();
    for dim in dims {
        let mut own = Vec::new();
        match dim {
            Some(n) => integer(1, *n, &mut own),
            None => bytes(2, b"rows", &mut own),
        }
        bytes(1, &own, &mut shape);
    }
    let (mut tensor, mut kinds, mut value) = (Vec::new(), Vec::new(), Vec::new());
    integer(1, kind as i64, &mut tensor);
    bytes(2, &shape, &mut tensor);
    bytes(1, &tensor, &mut kinds);
    bytes(1, name.as_bytes(), &mut value);
    bytes(2, &kinds, &mut value);
    value
}

//! Small PTX texts around a few instructions.
#![allow(dead_code)]

use cuda::machine::Machine;

/// A kernel `k` that takes two pointers, `%rd1` and `%rd2`, and has registers of every kind.
pub fn kernel(body: &str) -> String {
    format!(
        ".version 7.0\n.target sm_60\n.address_size 64\n.extern .shared .align 16 .b8 dynamic[];\n\
         .visible .entry k(.param .u64 in, .param .u64 out)\n{{\n\
         .reg .pred %p<16>; .reg .b16 %rs<16>; .reg .b32 %r<64>; .reg .b64 %rd<64>; .reg .f32 %f<16>; .reg .f64 %fd<32>;\n\
         .shared .align 8 .b8 s[4096];\n.local .align 8 .b8 l[64];\n\
         ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out]; mov.u32 %r1, %tid.x;\n\
         {body}\nret;\n}}\n"
    )
}

/// Runs `op` on registers that hold the inputs, each of a kind (`r`, `rd`, `f`, `fd`, `rs`, `p`); the
/// result is what the destination holds then. `{d}` stands for the destination, `{0}`.. for the sources.
pub fn run(op: &str, to: &str, from: &[(&str, u64)]) -> u64 {
    let mut body = String::new();
    let mut line = op.to_string();
    for (i, (kind, _)) in from.iter().enumerate() {
        let n = i + 10;
        let wide = 30 + i;
        body += &format!("ld.global.u64 %rd{wide}, [%rd1+{}];\n", 8 * i);
        body += &match *kind {
            "rd" => format!("mov.u64 %rd{n}, %rd{wide};\n"),
            "fd" => format!("mov.b64 %fd{n}, %rd{wide};\n"),
            "r" => format!("cvt.u32.u64 %r{n}, %rd{wide};\n"),
            "f" => format!("ld.global.f32 %f{n}, [%rd1+{}];\n", 8 * i),
            "rs" => format!("cvt.u16.u64 %rs{n}, %rd{wide};\n"),
            _ => format!("setp.ne.u64 %p{n}, %rd{wide}, 0;\n"),
        };
        line = line.replace(&format!("{{{i}}}"), &format!("%{kind}{n}"));
    }
    let d = format!("%{to}9");
    body += &line.replace("{d}", &d);
    body += &match to {
        "p" => format!("\nselp.u64 %rd20, 1, 0, {d};\nst.global.u64 [%rd2], %rd20;"),
        "rd" => format!("\nst.global.u64 [%rd2], {d};"),
        "fd" => format!("\nst.global.f64 [%rd2], {d};"),
        "f" => {
            format!("\nmov.b32 %r20, {d};\ncvt.u64.u32 %rd20, %r20;\nst.global.u64 [%rd2], %rd20;")
        }
        "rs" => format!("\ncvt.u64.u16 %rd20, {d};\nst.global.u64 [%rd2], %rd20;"),
        _ => format!("\ncvt.u64.u32 %rd20, {d};\nst.global.u64 [%rd2], %rd20;"),
    };
    let mut m = Machine::load(&kernel(&body)).unwrap_or_else(|e| panic!("{op}: {e}"));
    let values: Vec<u64> = from.iter().map(|f| f.1).chain([0]).collect();
    let input = m.upload(&values);
    let out = m.room(1);
    m.launch("k", 1, 1, 0, &[input, out]).unwrap_or_else(|e| panic!("{op}: {e}"));
    m.download(out, 1)[0]
}

/// Runs a body with `threads` threads; `%rd1` points at `input`, `%rd2` at 64 numbers, all zero.
pub fn launch(body: &str, threads: u32, input: &[u64]) -> Result<Vec<u64>, String> {
    let mut m = Machine::load(&kernel(body))?;
    let input = m.upload(input);
    let out = m.upload(&[0; 256]);
    m.launch("k", 1, threads, 1024, &[input, out])?;
    Ok(m.download(out, 256))
}

/// The message of a body that must fail.
pub fn fails(body: &str, threads: u32) -> String {
    match launch(body, threads, &[1, 2, 3, 4]) {
        Ok(_) => panic!("not found:\n{body}"),
        Err(e) => e,
    }
}

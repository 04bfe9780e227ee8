//! Loads a PTX text as the driver would and says what it found: `cargo run --release --example load FILE`.

use cuda::memory::Heap;
use cuda::module::{Module, Refused};

fn main() {
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        match Module::load(&text, &mut Heap::new(true)) {
            Ok(m) => {
                for k in m.kernels.iter().map(|k| &k.kernel) {
                    let (steps, slots, doubtful) =
                        (k.code.len(), k.template.len(), k.checked.len());
                    println!(
                        "{}: {steps} steps, {slots} slots, {doubtful} steps look for undefined registers, {} bytes shared, {} local",
                        k.name, k.shared, k.local
                    );
                    for c in &k.checked {
                        println!("  {:?}", c.slots);
                    }
                }
            }
            Err(Refused::Text(e) | Refused::Version(e)) => println!("{path}: {e}"),
        }
    }
}

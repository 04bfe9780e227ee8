//! Instruction sets agree to the bit.

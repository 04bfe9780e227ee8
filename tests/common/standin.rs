//! What the stand-in driver alone can be asked.

#![allow(dead_code, reason = "each test file uses a part of this")]

/// What the stand-in driver copied: bytes to the device, to the host, within the device.
pub(crate) fn copied() -> [u64; 3] {
    type Copied = unsafe extern "C" fn(*mut u64) -> i32;
    let mut bytes = [0; 3];
    // SAFETY: the library is loaded already, the function fills three numbers.
    let code = unsafe {
        let library = libloading::Library::new("libcuda.so.1").expect("the stand-in");
        let copied = library.get::<Copied>(b"neyman_standin_copied").expect("its own function");
        copied(bytes.as_mut_ptr())
    };
    assert_eq!(code, 0);
    bytes
}

/// Where the host finds bytes of the device's memory.
pub(crate) fn reach(at: u64, n: usize) -> *mut std::ffi::c_void {
    type Reach = extern "C" fn(u64, usize) -> *mut std::ffi::c_void;
    // SAFETY: as above; it checks what it is given.
    let found = unsafe {
        let library = libloading::Library::new("libcuda.so.1").expect("the stand-in");
        library.get::<Reach>(b"neyman_standin_reach").expect("its own function")(at, n)
    };
    assert!(!found.is_null(), "{at:#x}, {n} bytes");
    found
}

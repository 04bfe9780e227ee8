//! The driver's functions as a C caller sees them. Settings come from the environment, so each test is a
//! process of its own: this binary again, with one test and one setting.

use cuda as _;
use std::ffi::{c_char, c_int, c_uint, c_void};
use std::process::Command;
use std::ptr::{null, null_mut};

unsafe extern "C" {
    fn cuInit(flags: c_uint) -> c_int;
    fn cuDriverGetVersion(out: *mut c_int) -> c_int;
    fn cuDevicePrimaryCtxRetain(out: *mut usize, d: c_int) -> c_int;
    fn cuCtxSetCurrent(context: usize) -> c_int;
    fn cuMemAlloc_v2(out: *mut u64, n: usize) -> c_int;
    fn cuMemFree_v2(at: u64) -> c_int;
    fn cuMemcpyHtoD_v2(to: u64, from: *const u8, n: usize) -> c_int;
    fn cuMemcpyDtoH_v2(to: *mut u8, from: u64, n: usize) -> c_int;
    fn cuModuleLoadDataEx(
        out: *mut usize,
        image: *const c_char,
        n: c_uint,
        o: *const c_int,
        v: *const *mut c_void,
    ) -> c_int;
    fn cuModuleGetFunction(out: *mut usize, module: usize, name: *const c_char) -> c_int;
    fn cuModuleGetGlobal_v2(
        at: *mut u64,
        bytes: *mut usize,
        module: usize,
        name: *const c_char,
    ) -> c_int;
    fn cuFuncSetAttribute(f: usize, attribute: c_int, v: c_int) -> c_int;
    fn cuLaunchKernel(
        f: usize,
        gx: c_uint,
        gy: c_uint,
        gz: c_uint,
        bx: c_uint,
        by: c_uint,
        bz: c_uint,
        shared: c_uint,
        stream: usize,
        params: *const *const u8,
        extra: *const usize,
    ) -> c_int;
}

const TEXT: &std::ffi::CStr = c".version 7.0\n.target sm_60\n.address_size 64\n.global .align 4 .u32 bias = 5;\n\
    .visible .entry add(.param .u32 n, .param .u64 data)\n.maxntid 64, 1, 1\n{ .reg .b32 %r<9>; .reg .b64 %rd<9>; .reg .pred %p<3>;\n\
    ld.param.u32 %r1, [n]; ld.param.u64 %rd1, [data]; mov.u32 %r2, %tid.x; setp.ge.u32 %p1, %r2, %r1; @%p1 bra E;\n\
    mul.wide.u32 %rd2, %r2, 4; add.s64 %rd3, %rd1, %rd2; ld.global.u32 %r3, [%rd3]; ld.global.u32 %r4, [bias];\n\
    add.s32 %r5, %r3, %r4; st.global.u32 [%rd3], %r5;\nE: ret; }\n";

/// Adds five to four numbers; the code of the first call that fails.
fn add(threads: c_uint, count: u32) -> Result<[u32; 4], c_int> {
    let check = |code| if code == 0 { Ok(()) } else { Err(code) };
    let (mut context, mut module, mut function, mut data) = (0, 0, 0, 0);
    let mut numbers = [1u32, 2, 3, 4];
    unsafe {
        check(cuInit(0))?;
        check(cuDevicePrimaryCtxRetain(&mut context, 0))?;
        check(cuCtxSetCurrent(context))?;
        check(cuModuleLoadDataEx(&mut module, TEXT.as_ptr(), 0, null(), null()))?;
        check(cuModuleGetFunction(&mut function, module, c"add".as_ptr()))?;
        check(cuMemAlloc_v2(&mut data, 16))?;
        check(cuMemcpyHtoD_v2(data, numbers.as_ptr().cast(), 16))?;
        let params = [(&raw const count).cast::<u8>(), (&raw const data).cast()];
        check(cuLaunchKernel(function, 1, 1, 1, threads, 1, 1, 0, 0, params.as_ptr(), null()))?;
        check(cuMemcpyDtoH_v2(numbers.as_mut_ptr().cast(), data, 16))?;
        check(cuMemFree_v2(data))?;
        assert_eq!(cuMemFree_v2(data), 1, "freed twice");
        let (mut at, mut bytes) = (0, 0);
        check(cuModuleGetGlobal_v2(&mut at, &mut bytes, module, c"bias".as_ptr()))?;
        assert_eq!(bytes, 4);
        assert_eq!(cuModuleGetFunction(&mut function, module, c"none".as_ptr()), 500);
        assert_eq!(cuFuncSetAttribute(function, 8, 1 << 20), 1, "more shared memory than there is");
    }
    Ok(numbers)
}

/// Devices have contexts, handles and memory of their own.
#[test]
#[ignore = "started by the other tests"]
fn two_devices() {
    let (mut contexts, mut module, mut function, mut data) = ([0; 2], 0, 0, [0; 2]);
    unsafe {
        assert_eq!(cuInit(0), 0);
        for d in 0..2 {
            assert_eq!(cuDevicePrimaryCtxRetain(&mut contexts[d], d as c_int), 0);
            assert_eq!(cuCtxSetCurrent(contexts[d]), 0);
            assert_eq!(cuMemAlloc_v2(&mut data[d], 16), 0);
            assert_eq!(cuMemcpyHtoD_v2(data[d], [1u32, 2, 3, 4].as_ptr().cast(), 16), 0);
        }
        assert_eq!(cuDevicePrimaryCtxRetain(&mut module, 2), 101, "there are two");
        assert_ne!(data[0], data[1]);
        assert_eq!(cuModuleLoadDataEx(&mut module, TEXT.as_ptr(), 0, null(), null()), 0);
        assert_eq!(cuModuleGetFunction(&mut function, module, c"add".as_ptr()), 0);
        let launch = |data: &u64| {
            let params = [(&raw const COUNT).cast::<u8>(), std::ptr::from_ref(data).cast()];
            cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 0, 0, params.as_ptr(), null())
        };
        assert_eq!(launch(&data[1]), 0);
        assert_eq!(cuMemFree_v2(data[0]), 1, "memory of the other one");
        assert_eq!(cuCtxSetCurrent(contexts[0]), 0);
        assert_eq!(launch(&data[0]), 400, "a function of the other one");
        assert_eq!(cuCtxSetCurrent(contexts[1]), 0);
        assert_eq!(launch(&data[0]), 700, "memory of the other one");
        assert_eq!(cuMemFree_v2(data[1]), 700, "it is lost");
        assert_eq!(cuCtxSetCurrent(contexts[0]), 0);
        assert_eq!(cuMemFree_v2(data[0]), 0, "the other one is well");
    }
    println!("both as they should be");
}
static COUNT: u32 = 4;

#[test]
fn devices_are_apart() {
    let exe = std::env::current_exe().unwrap();
    let out = Command::new(exe)
        .args(["--exact", "two_devices", "--ignored", "--nocapture"])
        .env("NEYMAN_STANDIN_DEVICES", "2")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        text.contains("both as they should be"),
        "{text}{}",
        String::from_utf8_lossy(&out.stderr)
    );
}

/// Only in a process of its own: does what the environment asks, and says what came of it.
#[test]
#[ignore = "started by the other tests"]
fn child() {
    let n = |name: &str, d: u32| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(d);
    match add(n("THREADS", 32), n("COUNT", 4)) {
        Ok(v) => println!("numbers {v:?}"),
        Err(code) => println!("code {code}"),
    }
    let mut version = 0;
    unsafe { cuDriverGetVersion(&mut version) };
    println!("version {version}");
    if n("REFUSED", 0) == 1 {
        let (mut log, mut module) = ([0u8; 200], 0);
        let text = c".version 7.0\n.target sm_60\n.address_size 64\n.visible .entry k() { .reg .b32 %r<3>;\ndp4a.u32.u32 %r1, %r2, %r2, %r2; ret; }";
        let values = [log.as_mut_ptr().cast(), 200usize as *mut c_void];
        let code = unsafe {
            cuModuleLoadDataEx(&mut module, text.as_ptr(), 2, [5, 6].as_ptr(), values.as_ptr())
        };
        println!("load {code} {}", String::from_utf8_lossy(&log).trim_end_matches('\0'));
    }
    if n("ELSEWHERE", 0) == 1 {
        let code = std::thread::spawn(|| unsafe { cuMemAlloc_v2(null_mut(), 8) }).join().unwrap();
        println!("elsewhere {code}");
    }
}

fn run(environment: &[(&str, &str)]) -> String {
    let exe = std::env::current_exe().unwrap();
    let out = Command::new(exe)
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
}
fn says(environment: &[(&str, &str)], what: &str) {
    let out = run(environment);
    assert!(out.contains(what), "{environment:?}: no {what:?} in:\n{out}");
}

#[test]
fn a_launch_from_beginning_to_end() {
    says(&[], "numbers [6, 7, 8, 9]");
    says(&[], "version 12020");
    says(&[("THREADS", "65")], "code 701");
    says(&[("THREADS", "65")], "compiled for 64");
    says(&[("ELSEWHERE", "1")], "elsewhere 201");
}

#[test]
fn an_error_is_told_and_stays() {
    says(&[("COUNT", "5")], "code 700");
    says(&[("COUNT", "5")], "add: line 9");
    says(&[("COUNT", "5")], "thread 4: load of 4 bytes at 0x");
}

#[test]
fn faults_on_purpose() {
    let fault = |f: &str, what: &str| says(&[("NEYMAN_STANDIN_FAULT", f)], what);
    fault("no_device", "code 100");
    fault("old_driver", "version 10020");
    fault("old_driver", "code 222");
    fault("refuse_ptx", "code 222");
    fault("out_of_memory", "code 2");
    fault("out_of_memory=15", "code 2");
    fault("out_of_memory=20", "numbers [6, 7, 8, 9]");
    fault("lost_after=1", "code 700");
    fault("lost_after=1:999", "code 999");
    fault("lost_after=2", "numbers [6, 7, 8, 9]");
    fault("no_device@0", "code 100");
    fault("lost_after=1@1", "numbers [6, 7, 8, 9]");
    fault("nonsense", "is not understood");
    fault("lost_after=1@x", "is not understood");
}

#[test]
fn what_is_refused_stands_in_the_log() {
    says(&[("REFUSED", "1")], "load 218 refused: line 5: dp4a.u32.u32: not supported");
}

#[test]
fn the_report_tells_what_ran() {
    let path = std::env::temp_dir().join(format!("standin-report-{}", std::process::id()));
    let at = path.to_str().unwrap();
    run(&[("NEYMAN_STANDIN_REPORT", at)]);
    run(&[("NEYMAN_STANDIN_REPORT", at), ("COUNT", "0")]);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(
        text.contains("kernel add: 1 launches, 216 thread instructions, 4 of 4 lines executed"),
        "{text}"
    );
    assert!(text.contains("kernel add: never executed: lines 9-10"), "{text}");
}

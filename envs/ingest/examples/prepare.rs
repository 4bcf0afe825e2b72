//! Temporary.
use std::path::Path;
use std::time::Instant;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let start = Instant::now();
    let file = rmtl_ingest::DatasetFile::read(Path::new(&args[1])).unwrap_or_else(|e| {
        eprintln!("{e}");
        std::process::exit(1)
    });
    let last = std::cell::RefCell::new(String::new());
    let show = |p: rmtl_ingest::Progress| {
        let name = format!("{p:?}").split([' ', '{']).next().unwrap().to_string();
        if *last.borrow() != name {
            eprintln!("{:8.3} {p:?}", start.elapsed().as_secs_f64());
            *last.borrow_mut() = name;
        }
    };
    match rmtl_ingest::prepare(&file, Some(Path::new(&args[2])), Path::new(&args[3]), &show) {
        Ok(p) => {
            println!("{:.3} s reused {} ", start.elapsed().as_secs_f64(), p.reused);
            println!("{}", serde_json::to_string_pretty(&p.manifest).unwrap());
        }
        Err(e) => println!(
            "{:.3} s {e} / {:?}",
            start.elapsed().as_secs_f64(),
            std::error::Error::source(&e).map(|s| s.to_string())
        ),
    }
    if let Ok(s) = std::fs::read_to_string("/proc/self/status") {
        for l in s.lines().filter(|l| l.starts_with("VmHWM")) {
            println!("{l}");
        }
    }
}

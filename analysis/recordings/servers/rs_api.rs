// A JSON-like service in Rust, standard library alone: a thread a connection, bounded cache (HashMap with a queue),
// ordered sessions (BTreeMap), a log. The allocator is the system's, or what is preloaded.
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::env;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

fn option(name: &str, otherwise: usize) -> usize {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

struct Chunk {
    _next: Option<Box<Chunk>>,
    _data: Vec<u8>,
}

/// A constant payload a request; counted is what malloc hands out: the size and 8, rounded up to 16.
#[derive(Default)]
struct Leak {
    kind: String,
    dose: usize,
    after: usize,
    calls: usize,
    payload: usize,
    counted: usize,
    list: Vec<Vec<u8>>,
    objects: Vec<Box<[u64; 8]>>,
    table: HashMap<String, Vec<u8>>,
    chain: Option<Box<Chunk>>,
    vector: Vec<u8>,
    slabs: Vec<Vec<u8>>,
    used: usize,
}

fn chunk(size: usize) -> usize {
    (size + 8).div_ceil(16) * 16
}

impl Leak {
    fn block(&mut self) -> Vec<u8> {
        self.counted += chunk(self.dose);
        vec![b'a' + (self.calls % 26) as u8; self.dose]
    }

    fn step(&mut self) {
        self.calls += 1;
        if self.kind == "none" || self.calls <= self.after {
            return;
        }
        match self.kind.as_str() {
            "list" => {
                let block = self.block();
                self.list.push(block);
                self.counted += 24;
            }
            "objects" => {
                for part in 0..(self.dose / 64).max(1) {
                    self.objects.push(Box::new([part as u64; 8]));
                    self.counted += chunk(64) + 8;
                }
            }
            "map" => {
                let block = self.block();
                self.table.insert(format!("key-{}", self.calls), block);
                self.counted += 32 + 49;
            }
            "chunks" => {
                let block = self.block();
                let next = self.chain.take();
                self.chain = Some(Box::new(Chunk { _next: next, _data: block }));
                self.counted += chunk(32);
            }
            "vector" => {
                let grown = self.vector.len() + self.dose;
                self.vector.resize(grown, b'v');
                self.counted += self.dose;
            }
            "slabs" => {
                if self.slabs.is_empty() || self.used + self.dose > 1 << 20 {
                    self.slabs.push(vec![1; 1 << 20]);
                    self.used = 0;
                }
                let (from, to) = (self.used, self.used + self.dose);
                self.slabs.last_mut().unwrap()[from..to].fill(b's');
                self.used = to;
                self.counted += self.dose;
            }
            other => panic!("unknown leak {}", other),
        }
        self.payload += self.dose;
    }
}

#[derive(Default)]
struct Service {
    cap: usize,
    texts: bool,
    cache: HashMap<usize, String>,
    order: VecDeque<usize>,
    sessions: BTreeMap<usize, Vec<String>>,
    log: VecDeque<String>,
}

impl Service {
    fn handle(&mut self, key: usize, size: usize, body: &str) -> String {
        self.log.push_back(format!("{key} {size} {}", &body[..body.len().min(80)]));
        if self.log.len() > 2000 {
            self.log.pop_front();
        }
        let words: Vec<&str> = body.split(' ').collect();
        if self.texts {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            for _ in 0..=size / body.len().max(1) {
                for word in &words {
                    *counts.entry(word.to_string()).or_default() += 1;
                }
            }
            self.sessions.insert(key % 3000, counts.keys().take(20).cloned().collect());
            let mut out = String::new();
            for (word, count) in counts.iter().take(60) {
                let _ = write!(out, "{word}: {count}, ");
            }
            return out;
        }
        if !self.cache.contains_key(&key) {
            let mut out = String::new();
            for i in 0..=size / 40 {
                let _ = write!(out, "{{\"i\": {i}, \"word\": \"{}\"}},", words[i % words.len()]);
            }
            self.cache.insert(key, out);
            self.order.push_back(key);
            if self.order.len() > self.cap {
                let old = self.order.pop_front().unwrap();
                self.cache.remove(&old);
            }
        }
        let hit = &self.cache[&key];
        hit[..hit.len().min(200 + size / 4)].to_string()
    }
}

fn converse(mut stream: TcpStream, service: &Mutex<Service>, leak: &Mutex<Leak>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut data: Vec<u8> = Vec::new();
    let mut part = [0u8; 8192];
    loop {
        let end = loop {
            if let Some(at) = data.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            let got = stream.read(&mut part)?;
            if got == 0 {
                return Ok(());
            }
            data.extend_from_slice(&part[..got]);
        };
        let head = String::from_utf8_lossy(&data[..end]).to_lowercase();
        let mut path = head.split(' ').nth(1).unwrap_or("/0/0").split('/').skip(1);
        let key = path.next().and_then(|text| text.parse().ok()).unwrap_or(0);
        let size = path.next().and_then(|text| text.parse().ok()).unwrap_or(0);
        let length: usize = head
            .split("content-length:")
            .nth(1)
            .and_then(|rest| rest.split("\r\n").next())
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0);
        while data.len() < end + 4 + length {
            let got = stream.read(&mut part)?;
            if got == 0 {
                return Ok(());
            }
            data.extend_from_slice(&part[..got]);
        }
        let body = String::from_utf8_lossy(&data[end + 4..end + 4 + length]).to_string();
        data.drain(..end + 4 + length);
        let answer = service.lock().unwrap().handle(key, size, &body);
        let (payload, counted) = {
            let mut leak = leak.lock().unwrap();
            leak.step();
            (leak.payload, leak.counted)
        };
        let reply = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nX-W: 0 {} {} {}\r\n\r\n{}",
            answer.len(),
            std::process::id(),
            payload,
            counted,
            answer
        );
        stream.write_all(reply.as_bytes())?;
    }
}

fn main() {
    let listener = TcpListener::bind(("127.0.0.1", option("PORT", 0) as u16)).unwrap();
    let service = Arc::new(Mutex::new(Service {
        cap: option("CAP", 4000),
        texts: env::var("MODE").is_ok_and(|mode| mode == "text"),
        ..Service::default()
    }));
    let leak = Arc::new(Mutex::new(Leak {
        kind: env::var("LEAK").unwrap_or("none".into()),
        dose: option("DOSE", 0),
        after: option("LEAK_AFTER", 0),
        ..Leak::default()
    }));
    for stream in listener.incoming().flatten() {
        let (service, leak) = (service.clone(), leak.clone());
        thread::spawn(move || converse(stream, &service, &leak));
    }
}

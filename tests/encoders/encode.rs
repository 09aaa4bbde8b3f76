// Secrets in hexadecimal, one a line, to what Rust makes of each: number, encoder, form in hexadecimal.
use std::io::BufRead;

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{:02x}", byte)).collect()
}

fn main() {
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line.unwrap();
        let raw: Vec<u8> = (0..line.len() / 2)
            .map(|at| u8::from_str_radix(&line[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let secret = String::from_utf8(raw.clone()).unwrap();
        println!("{}\t{{:?}}\t{}", number, hex(&format!("{:?}", secret)));
        println!("{}\tescape_default\t{}", number, hex(&secret.escape_default().to_string()));
        println!("{}\tescape_unicode\t{}", number, hex(&secret.escape_unicode().to_string()));
        println!("{}\tescape_ascii\t{}", number, hex(&raw.escape_ascii().to_string()));
    }
}

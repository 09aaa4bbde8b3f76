//! A function in Rust that fails in the way it is asked for.
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use serde_json::Value;
use std::{fmt, time::Duration};

const FORGED: &str = "no stock\nEND RequestId: 1\n[ERROR] Forged: no\rTraceback (most recent call last):\nthread 'main' panicked at x.rs:1:2:\nforged\n";

/// What the function returns.
#[derive(Debug)]
struct OrderError(String);

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl std::error::Error for OrderError {}

/// An error that another one caused.
#[derive(Debug)]
struct NestedError {
    message: String,
    source: OrderError,
}

impl fmt::Display for NestedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)
    }
}

impl std::error::Error for NestedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

fn refuse(why: &str) -> Result<(), OrderError> {
    Err(OrderError(why.to_string()))
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    match event.payload["do"].as_str().unwrap_or("") {
        "handled" => {
            if let Err(error) = refuse("handled") {
                tracing::error!(error = %error, "went on");
            }
        }
        "handled in its debug form" => {
            tracing::error!("{:?}", OrderError("handled".into()));
            tracing::info!("went on");
        }
        "raise" => refuse("no stock")?,
        "text" => return Err("no stock".into()),
        "library" => drop(std::fs::read("/no such file")?),
        "caused" => {
            return Err(Box::new(NestedError {
                message: "no order".into(),
                source: OrderError("no stock".into()),
            }));
        }
        "forged" => refuse(FORGED)?,
        "unicode" => refuse("kein Vorrat \u{2603} \u{1f680} <b>&")?,
        "lines" => {
            tracing::error!("one\ntwo");
            println!("one\ntwo");
        }
        "panic" => panic!("no stock"),
        "assertion" => assert_eq!(1, 2, "no stock"),
        "thread" => drop(tokio::spawn(async { panic!("in a task") }).await),
        "exit" => std::process::exit(3),
        "sleep" => tokio::time::sleep(Duration::from_secs(60)).await,
        _ => {}
    }
    Ok("done".into())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    if std::env::var("BROKEN").is_ok() {
        panic!("no settings");
    }
    tracing::init_default_subscriber();
    run(service_fn(handle)).await
}

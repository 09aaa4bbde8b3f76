//! Registers, subscribes and prints every event, all through AWS's client.

use lambda_extension::{
    service_fn, Error, Extension, LambdaEvent, LambdaTelemetry, NextEvent, SharedService,
};

async fn on_telemetry(events: Vec<LambdaTelemetry>) -> Result<(), Error> {
    for event in events {
        let record = format!("{:?}", event.record);
        let name: String = record.chars().take_while(|c| c.is_alphanumeric()).collect();
        eprintln!("telemetry {name}");
    }
    Ok(())
}

async fn on_event(event: LambdaEvent) -> Result<(), Error> {
    match event.next {
        NextEvent::Invoke(invoke) => eprintln!("invoke {}", invoke.request_id),
        NextEvent::Shutdown(shutdown) => eprintln!("shutdown {}", shutdown.shutdown_reason),
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let port: u16 = std::env::var("LISTENER_PORT")?.parse()?;
    Extension::new()
        .with_telemetry_types(&["platform", "function"])
        .with_telemetry_port_number(port)
        .with_telemetry_processor(SharedService::new(service_fn(on_telemetry)))
        .with_events_processor(service_fn(on_event))
        .run()
        .await
}

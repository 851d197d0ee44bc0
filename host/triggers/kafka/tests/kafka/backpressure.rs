use super::host::{Host, INPUTS, cluster, committed, send_input, until};

#[tokio::test]
async fn records_wait_while_admission_is_full_and_none_is_lost() {
    let kafka = cluster().await;
    let host = Host::with(&kafka, |settings| {
        settings.intake.in_flight = 1;
        settings.intake.retry_after = signalbox_model::HumanDuration::millis(10);
    })
    .await;
    send_input(&kafka, "i-0", "wait:gate").await;
    host.started(1).await;
    for number in 1..10 {
        send_input(&kafka, &format!("i-{number}"), &format!("text {number}")).await;
    }
    host.decider.open("gate");
    host.decided("trattoria", 10).await;
    committed(&kafka, INPUTS, 10).await;
}

#[tokio::test]
async fn no_more_records_are_in_work_than_the_limit_and_reading_goes_on_below_it() {
    let kafka = cluster().await;
    for number in 0..12 {
        send_input(&kafka, &format!("i-{number}"), "wait:gate").await;
    }
    let host = Host::with(&kafka, |settings| settings.kafka.in_flight = 2).await;
    for decided in 0..12 {
        host.started((decided + 1).min(12)).await;
        let started = host.decider.started_texts().len();
        assert!(started <= decided + 2, "{started} are started when {decided} are decided");
        host.decider.open("gate");
        until("one more decision", async || host.decisions("trattoria").await.len() > decided).await;
    }
    host.decided("trattoria", 12).await;
    committed(&kafka, INPUTS, 12).await;
}

#[tokio::test]
async fn records_that_are_large_together_are_read_one_after_the_other() {
    let kafka = cluster().await;
    for number in 0..4 {
        send_input(&kafka, &format!("i-{number}"), "wait:gate").await;
    }
    let host = Host::with(&kafka, |settings| {
        settings.kafka.in_flight_size = signalbox_model::HumanSize(64);
    })
    .await;
    for decided in 0..4 {
        let started = host.started(decided + 1).await.len();
        assert_eq!(started, decided + 1);
        host.decider.open("gate");
        until("one more decision", async || host.decisions("trattoria").await.len() > decided).await;
    }
}

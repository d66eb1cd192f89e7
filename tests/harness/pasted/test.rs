/// It failed so: election_safety: two leaders in term #: n# and n#
#[test]
fn a_night_of_sleep_2a_stays_mended() {
    let report = sim::replay_tape::<harness::pasted::Usurper>(include_str!("tape.json")).expect("a tape");
    assert_eq!(report.failure, None);
}

//! The subjects that come with the project, and what the catalogue needs to know of one to draw plans for it.

use std::str::FromStr;

use sim::{Choice, FaultClass, Mark, OperationClass, Outside, Plan, Subject};

use crate::cluster_files::Timeouts;

/// What the settings of a scenario are drawn to bring out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Focus {
    /// Nothing above the rest. Every subject takes part.
    Everything,
    /// Who leads.
    Elections,
    /// The log.
    Replication,
    /// Nodes that ask around before they campaign.
    PreVote,
    /// Leaders that count who answers them.
    CheckQuorum,
    /// Leadership that is handed over.
    Transfers,
    /// Members that come and go.
    Membership,
    /// Nodes that should rather lead than others.
    Priorities,
    /// Reads that leave nothing in the log.
    Reads,
    /// Clients that repeat what they got no answer to.
    Sessions,
    /// Snapshots in the place of logs.
    Snapshots,
    /// Logs that have lost what was durable, and leaders that notice.
    LostLogs,
    /// Disks that take longer than anyone waits.
    SlowDisks,
}

impl Focus {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Everything,
        Self::Elections,
        Self::Replication,
        Self::PreVote,
        Self::CheckQuorum,
        Self::Transfers,
        Self::Membership,
        Self::Priorities,
        Self::Reads,
        Self::Sessions,
        Self::Snapshots,
        Self::LostLogs,
        Self::SlowDisks,
    ];
}

/// A subject that the catalogue can draw plans for.
pub trait CatalogueSubject: Subject + 'static {
    /// What it is, in a few words.
    const ABOUT: &'static str;

    /// The states that its runs of any settings reach once in a long while, beside its own [`MARKS`](Subject::MARKS). As by
    /// default, nothing is known of that.
    const REACHES: &'static [Mark] = &[];

    /// The focuses that mean something to it: it takes no part in scenarios of others.
    const FOCUSES: &'static [Focus];

    /// Whether a class of faults can strike it at all. As by default, it needs to know nothing of its own for that.
    fn meets(class: FaultClass) -> bool {
        // For these it must say what settings may differ, or what rots.
        !matches!(class, FaultClass::RollingUpgrade | FaultClass::BitRot | FaultClass::LostLog)
    }

    /// Whether it knows a class of operations.
    fn performs(class: OperationClass) -> bool;

    /// Any settings that make sense together.
    fn draw_settings(choice: &mut Choice) -> Self::Settings;

    /// Changes drawn settings so that runs meet what the scenario is for.
    fn bring_out(focus: Focus, settings: &mut Self::Settings, choice: &mut Choice);

    /// The timeouts of its nodes: plans measure everything in the longest.
    fn timeouts(settings: &Self::Settings) -> Timeouts;

    /// Takes the timeouts that an operator wrote down.
    fn set_timeouts(settings: &mut Self::Settings, timeouts: Timeouts);

    /// The settings of the fixed workload: these timeouts, and nothing that others do not have.
    fn bench_settings(timeouts: Timeouts) -> Self::Settings;

    /// Nodes outside the healed core that a cluster with these settings can live with, though others hear them.
    fn lives_with(settings: &Self::Settings) -> Vec<Outside> {
        let _ = settings;
        Vec::new()
    }

    /// How long, beside all else, a node that is far behind takes to be sent what it lacks.
    fn catch_up_ns(plan: &Plan<Self::Settings>) -> u64 {
        let _ = plan;
        0
    }

    /// Changes a drawn plan, where the subject needs other runs too in order to get anywhere: drawn last.
    fn adjust(plan: &mut Plan<Self::Settings>, choice: &mut Choice) {
        let _ = (plan, choice);
    }

    /// The slowest clock of the run loses so much against the fastest: to be trusted so far and no further.
    fn trust_clocks(settings: &mut Self::Settings, drift_ppm: u32) {
        let _ = (settings, drift_ppm);
    }
}

/// Names one of the subjects.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SubjectName {
    /// [`RaftCore`](crate::raft_core_subject::RaftCore).
    #[default]
    RaftCore,
    /// [`Kvstore`](crate::kvstore_subject::Kvstore).
    Kvstore,
    /// [`KvstoreGo`](crate::kvstore_go::KvstoreGo).
    KvstoreGo,
    /// [`TikvRaft`](crate::tikv_raft::TikvRaft).
    #[cfg(feature = "tikv-raft")]
    TikvRaft,
}

impl SubjectName {
    /// All of them, in the order in which they are listed.
    pub const ALL: &'static [Self] = &[
        Self::RaftCore,
        Self::Kvstore,
        Self::KvstoreGo,
        #[cfg(feature = "tikv-raft")]
        Self::TikvRaft,
    ];

    /// How users choose it.
    #[must_use]
    pub fn name(self) -> &'static str {
        crate::with_subject!(self, S => S::NAME)
    }

    /// What it is, in a few words.
    #[must_use]
    pub fn about(self) -> &'static str {
        crate::with_subject!(self, S => S::ABOUT)
    }
}

impl FromStr for SubjectName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|subject| subject.name() == text).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|subject| subject.name()).collect();
            format!("there is no '{text}'; there are {}", known.join(", "))
        })
    }
}

/// Evaluates an expression for the subject that is named: `with_subject!(name, S => run::<S>(arguments))`.
#[macro_export]
macro_rules! with_subject {
    ($name:expr, $S:ident => $body:expr) => {
        $crate::with_subjects!($name, $S => $body,
            RaftCore = $crate::raft_core_subject::RaftCore,
            Kvstore = $crate::kvstore_subject::Kvstore,
            KvstoreGo = $crate::kvstore_go::KvstoreGo,
        )
    };
}

/// The arms of [`with_subject!`], and that of a subject which a feature may leave out: what is left out is decided here, and
/// not in the crate that asks.
#[cfg(feature = "tikv-raft")]
#[doc(hidden)]
#[macro_export]
macro_rules! with_subjects {
    ($name:expr, $S:ident => $body:expr, $($variant:ident = $type:ty,)*) => {
        match $name {
            $($crate::subjects::SubjectName::$variant => {
                type $S = $type;
                $body
            })*
            $crate::subjects::SubjectName::TikvRaft => {
                type $S = $crate::tikv_raft::TikvRaft;
                $body
            }
        }
    };
}

/// The arms of [`with_subject!`].
#[cfg(not(feature = "tikv-raft"))]
#[doc(hidden)]
#[macro_export]
macro_rules! with_subjects {
    ($name:expr, $S:ident => $body:expr, $($variant:ident = $type:ty,)*) => {
        match $name {
            $($crate::subjects::SubjectName::$variant => {
                type $S = $type;
                $body
            })*
        }
    };
}

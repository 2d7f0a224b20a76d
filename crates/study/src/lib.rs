//! A study: hundreds of controlled runs, and the report that answers its questions.
//!
//! In reading order: [`knobs`] (what can be varied), [`grid`] (a study file and the runs it stands for), [`world_file`]
//! and [`artifact`] (what each run needs, named by content), [`plan`] (Makefile, Slurm arrays), [`stage`] (one artifact
//! being made), [`status`], [`report`] (what came out). [`directory`] tells what somebody's path leads to.
//!
//! Architecture invariant: the stages are run as commands and read as files; no stage's code is linked.

pub mod artifact;
pub mod directory;
pub mod grid;
pub mod knobs;
pub mod plan;
pub mod report;
pub mod stage;
pub mod status;
pub mod thresholds;
pub mod world_file;

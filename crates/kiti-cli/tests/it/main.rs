//! The program `kiti`, started as a user starts it.

mod automation;
mod command_line;
mod gas;
mod data;
mod interruption;
mod program;
mod reproduce;
mod threads;
mod verify;

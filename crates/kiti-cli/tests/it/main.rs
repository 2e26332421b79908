//! The program `kiti`, started as a user starts it.

mod automation;
mod command_line;
mod data;
mod gas;
mod images;
mod interruption;
mod program;
mod reproduce;
mod text;
mod threads;
mod verify;

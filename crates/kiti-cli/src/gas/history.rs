//! What the gas as a whole did from step to step.

use std::fmt::Write;

use super::case::{Dimension, Setup, UnitSystem};
use super::flow::heading;

/// A number that a gas has as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryQuantity {
    /// Simulated molecules.
    Particles,
    /// Mean velocity along an axis.
    Velocity(usize),
    /// Temperature along an axis: `m <c_i^2>/k` with the deviation `c` from the mean velocity.
    Temperature(usize),
    /// `<c^4>` over its value in equilibrium, `15 (k T/m)^2`.
    FourthMoment,
    /// `<c^6>` over its value in equilibrium, `105 (k T/m)^3`.
    SixthMoment,
    /// Collisions of a molecule per mean collision time of the initial gas, since the line before.
    CollisionRate,
}

const AXES: [&str; 3] = ["x", "y", "z"];
const COLUMNS: [HistoryQuantity; 10] = [
    HistoryQuantity::Particles,
    HistoryQuantity::Velocity(0),
    HistoryQuantity::Velocity(1),
    HistoryQuantity::Velocity(2),
    HistoryQuantity::Temperature(0),
    HistoryQuantity::Temperature(1),
    HistoryQuantity::Temperature(2),
    HistoryQuantity::FourthMoment,
    HistoryQuantity::SixthMoment,
    HistoryQuantity::CollisionRate,
];

impl HistoryQuantity {
    /// Its name in files.
    pub fn name(self) -> String {
        match self {
            Self::Particles => "particles".into(),
            Self::Velocity(axis) => format!("mean_velocity_{}", AXES[axis]),
            Self::Temperature(axis) => format!("temperature_{}", AXES[axis]),
            Self::FourthMoment => "fourth_moment_ratio".into(),
            Self::SixthMoment => "sixth_moment_ratio".into(),
            Self::CollisionRate => "collision_rate".into(),
        }
    }

    /// Its unit; empty where it has none.
    pub fn unit(self, system: UnitSystem) -> &'static str {
        match self {
            Self::Velocity(_) => Dimension::Speed.unit(system),
            Self::Temperature(_) => Dimension::Temperature.unit(system),
            _ => "",
        }
    }
}

/// One line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HistoryRow {
    /// Step after which it was measured.
    pub step: u64,
    /// Time.
    pub time: f64,
    /// The quantities, in the order of the columns.
    values: [f64; COLUMNS.len()],
}

/// All lines so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    rows: Vec<HistoryRow>,
}

impl HistoryRow {
    /// Measures molecules of the given velocities; `collisions_a_particle` is their collision rate.
    pub fn measure(
        setup: &Setup,
        step: u64,
        velocities: &[[f64; 3]],
        collisions_a_particle: f64,
    ) -> Self {
        let n = velocities.len() as f64;
        let molecule = setup.molecule();
        let temperature = |square: f64| molecule.mass * square / molecule.boltzmann;
        let mut mean = [0.0; 3];
        for velocity in velocities {
            for axis in 0..3 {
                mean[axis] += velocity[axis];
            }
        }
        let mean = mean.map(|sum| sum / n);
        let (mut squares, mut fourth, mut sixth) = ([0.0; 3], 0.0, 0.0);
        for velocity in velocities {
            let deviation: [f64; 3] = std::array::from_fn(|axis| velocity[axis] - mean[axis]);
            let square: f64 = deviation.iter().map(|c| c * c).sum();
            for axis in 0..3 {
                squares[axis] += deviation[axis] * deviation[axis];
            }
            fourth += square * square;
            sixth += square * square * square;
        }
        let squares = squares.map(|sum| sum / n);
        // k T/m of all axes together.
        let variance = squares.iter().sum::<f64>() / 3.0;
        Self {
            step,
            time: step as f64 * setup.config.dt,
            values: [
                n,
                mean[0],
                mean[1],
                mean[2],
                temperature(squares[0]),
                temperature(squares[1]),
                temperature(squares[2]),
                fourth / n / (15.0 * variance.powi(2)),
                sixth / n / (105.0 * variance.powi(3)),
                collisions_a_particle,
            ],
        }
    }

    /// A quantity's value.
    pub fn value(&self, quantity: HistoryQuantity) -> f64 {
        COLUMNS
            .iter()
            .position(|column| *column == quantity)
            .map_or(f64::NAN, |index| self.values[index])
    }

    /// The line of the CSV file, numbers to their last bit.
    fn to_csv(self) -> String {
        let mut line = format!("{},{:e}", self.step, self.time);
        for value in self.values {
            // Writing to a string cannot fail.
            let _ = write!(line, ",{value:e}");
        }
        line.push('\n');
        line
    }

    /// Step, time and the quantities as plain numbers, for a restart file.
    fn numbers(&self) -> impl Iterator<Item = f64> {
        [self.step as f64, self.time].into_iter().chain(self.values)
    }
}

/// Numbers of a line.
const WIDTH: usize = COLUMNS.len() + 2;

impl History {
    fn csv_heading(system: UnitSystem) -> String {
        let mut names = vec![
            "step".to_owned(),
            heading("time", Dimension::Time.unit(system)),
        ];
        names.extend(
            COLUMNS
                .iter()
                .map(|column| heading(&column.name(), column.unit(system))),
        );
        names.join(",") + "\n"
    }

    /// The CSV file.
    pub fn to_csv(&self, system: UnitSystem) -> String {
        let mut text = Self::csv_heading(system);
        for row in &self.rows {
            text.push_str(&row.to_csv());
        }
        text
    }

    /// All lines as plain numbers.
    pub fn to_numbers(&self) -> Vec<f64> {
        self.rows.iter().flat_map(HistoryRow::numbers).collect()
    }

    /// The history of such numbers; none where they do not make whole lines.
    pub fn from_numbers(numbers: &[f64]) -> Option<Self> {
        let (lines, rest) = numbers.as_chunks::<WIDTH>();
        let row = |line: &[f64; WIDTH]| {
            let mut values = [0.0; COLUMNS.len()];
            values.copy_from_slice(&line[2..]);
            HistoryRow {
                step: line[0] as u64,
                time: line[1],
                values,
            }
        };
        rest.is_empty().then(|| Self {
            rows: lines.iter().map(row).collect(),
        })
    }

    /// Adds a line.
    pub fn push(&mut self, row: HistoryRow) {
        self.rows.push(row);
    }

    /// The times of all lines.
    pub fn times(&self) -> Vec<f64> {
        self.rows.iter().map(|row| row.time).collect()
    }

    /// The first value of a quantity.
    pub fn first(&self, quantity: HistoryQuantity) -> Option<f64> {
        self.rows.first().map(|row| row.value(quantity))
    }

    /// The value of a quantity in line `index`, with the standard error that molecules in equilibrium would have.
    pub fn at(&self, quantity: HistoryQuantity, index: usize) -> Option<(f64, f64)> {
        let row = self.rows.get(index)?;
        let n = row.value(HistoryQuantity::Particles);
        let mean = (0..3)
            .map(|axis| row.value(HistoryQuantity::Temperature(axis)))
            .sum::<f64>()
            / 3.0;
        // Standard deviations of one molecule, energy and momentum of all being fixed.
        let deviation = match quantity {
            HistoryQuantity::Temperature(_) => 1.155 * mean,
            HistoryQuantity::FourthMoment => 0.73,
            HistoryQuantity::SixthMoment => 2.3,
            _ => return None,
        };
        Some((row.value(quantity), deviation / n.sqrt()))
    }

    /// Times and values of a quantity.
    pub fn series(&self, quantity: HistoryQuantity) -> Vec<(f64, f64)> {
        self.rows
            .iter()
            .map(|row| (row.time, row.value(quantity)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gas::case::Case;

    #[test]
    fn moments_are_those_of_the_velocities() {
        let sets = [("particles.count".to_owned(), "4".to_owned())];
        let case = Case::load("bkw", &sets).expect("a shipped case");
        let velocities = [
            [1.0, 5.0, 0.0],
            [-1.0, 5.0, 0.0],
            [0.0, 6.0, 0.0],
            [0.0, 4.0, 0.0],
        ];
        let row = HistoryRow::measure(&case.setup, 3, &velocities, 0.9);
        assert_eq!(row.value(HistoryQuantity::Particles), 4.0);
        assert_eq!(row.value(HistoryQuantity::Velocity(1)), 5.0);
        assert_eq!(row.value(HistoryQuantity::Temperature(0)), 0.5);
        // Every molecule has c^2 = 1, so k T/m = 1/3 and <c^4> = <c^6> = 1.
        assert!((row.value(HistoryQuantity::FourthMoment) - 9.0 / 15.0).abs() < 1e-14);
        assert!((row.value(HistoryQuantity::SixthMoment) - 27.0 / 105.0).abs() < 1e-14);

        let mut history = History::default();
        history.push(row);
        assert_eq!(
            History::from_numbers(&history.to_numbers()),
            Some(history.clone())
        );
        assert_eq!(History::from_numbers(&[1.0]), None);
        let csv = history.to_csv(case.setup.system);
        let widths: Vec<usize> = csv.lines().map(|line| line.split(',').count()).collect();
        assert_eq!(widths, [WIDTH, WIDTH]);
    }
}

//! The uniform grid of cells and their collision sub-cells.

use super::error::{GasError, GasResult, positive};

/// A box cut into equal cells along its first `dims` axes.
///
/// Positions exist along the first `dims` axes only; the extents of the others make the volume right
/// (a cross-section area in one dimension, a depth in two, the whole volume in none).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Axes along which the gas may vary, 0 to 3.
    pub dims: usize,
    /// Lower corner.
    pub lower: [f64; 3],
    /// Upper corner.
    pub upper: [f64; 3],
    /// Cells along each axis; 1 along the axes beyond `dims`.
    pub cells: [usize; 3],
    /// Collision sub-cells of a cell along each axis; collision partners are sought in the same sub-cell.
    pub subcells: usize,
}

impl Grid {
    /// A homogeneous gas in a volume.
    pub fn homogeneous(volume: f64) -> Self {
        Self {
            dims: 0,
            lower: [0.0; 3],
            upper: [volume, 1.0, 1.0],
            cells: [1; 3],
            subcells: 1,
        }
    }

    /// A slab `0 <= x <= length` with a cross section of 1.
    pub fn line(length: f64, cells: usize) -> Self {
        Self {
            dims: 1,
            lower: [0.0; 3],
            upper: [length, 1.0, 1.0],
            cells: [cells, 1, 1],
            subcells: 1,
        }
    }

    /// A rectangle with a depth of 1.
    pub fn plane(extent: [f64; 2], cells: [usize; 2]) -> Self {
        Self {
            dims: 2,
            lower: [0.0; 3],
            upper: [extent[0], extent[1], 1.0],
            cells: [cells[0], cells[1], 1],
            subcells: 1,
        }
    }

    /// A box.
    pub fn space(extent: [f64; 3], cells: [usize; 3]) -> Self {
        Self {
            dims: 3,
            lower: [0.0; 3],
            upper: extent,
            cells,
            subcells: 1,
        }
    }

    /// Extents of the domain.
    pub fn extent(&self) -> [f64; 3] {
        std::array::from_fn(|axis| self.upper[axis] - self.lower[axis])
    }

    /// Extents of a cell.
    pub fn spacing(&self) -> [f64; 3] {
        let extent = self.extent();
        std::array::from_fn(|axis| extent[axis] / self.cells[axis] as f64)
    }

    /// Number of cells.
    pub fn cell_count(&self) -> usize {
        self.cells.iter().product()
    }

    /// Volume of the domain.
    pub fn volume(&self) -> f64 {
        self.extent().iter().product()
    }

    /// Volume of a cell.
    pub fn cell_volume(&self) -> f64 {
        self.volume() / self.cell_count() as f64
    }

    /// Area of the faces perpendicular to `axis`.
    pub fn face_area(&self, axis: usize) -> f64 {
        let extent = self.extent();
        (0..3)
            .filter(|&other| other != axis)
            .map(|other| extent[other])
            .product()
    }

    /// Centre of a cell; cells are numbered with x fastest.
    pub fn centre(&self, cell: usize) -> [f64; 3] {
        let index = self.cell_index(cell);
        let spacing = self.spacing();
        std::array::from_fn(|axis| self.lower[axis] + (index[axis] as f64 + 0.5) * spacing[axis])
    }

    /// Indices of a cell along the axes.
    pub fn cell_index(&self, cell: usize) -> [usize; 3] {
        let [nx, ny, _] = self.cells;
        [cell % nx, cell / nx % ny, cell / (nx * ny)]
    }

    /// Collision cells along each axis.
    pub fn collision_cells(&self) -> [usize; 3] {
        std::array::from_fn(|axis| {
            if axis < self.dims {
                self.cells[axis] * self.subcells
            } else {
                1
            }
        })
    }

    /// Volume of a collision cell.
    pub fn collision_volume(&self) -> f64 {
        self.volume() / self.collision_cells().iter().product::<usize>() as f64
    }

    /// Refuses grids that cannot be.
    ///
    /// # Errors
    ///
    /// Names the key that is wrong.
    pub fn validate(&self) -> GasResult<()> {
        let value = |key: &str, value: usize, expected, remedy| {
            Err(GasError::Value {
                key: key.into(),
                value: value as f64,
                expected,
                remedy,
            })
        };
        if self.dims > 3 {
            return value("domain.dims", self.dims, "0 to 3", "space has three axes");
        }
        if self.subcells == 0 || self.subcells > 64 {
            let remedy = "1 seeks partners in the whole cell";
            return value("domain.subcells", self.subcells, "1 to 64", remedy);
        }
        for axis in 0..3 {
            let name = ['x', 'y', 'z'][axis];
            let extent = self.extent()[axis];
            let remedy = "the upper corner must lie above the lower one";
            positive(
                format!("domain.upper - domain.lower along {name}"),
                extent,
                remedy,
            )?;
            let cells = self.cells[axis];
            if cells == 0 || (axis >= self.dims && cells != 1) {
                let remedy = "an axis along which the gas does not vary has 1 cell";
                return value("domain.cells", cells, "at least 1", remedy);
            }
        }
        // Collision cells are numbered with 32 bits.
        let count = self
            .collision_cells()
            .iter()
            .try_fold(1usize, |product, &n| product.checked_mul(n));
        match count {
            Some(count) if count < 1 << 31 => Ok(()),
            _ => Err(GasError::Value {
                key: "domain.cells".into(),
                value: self.collision_cells().iter().map(|&n| n as f64).product(),
                expected: "fewer than 2^31 collision cells",
                remedy: "take fewer cells or sub-cells",
            }),
        }
    }
}

//! What files hold: name, shape, type, least and greatest element and sum of every array.
//!
//! ```text
//! cargo run -p kiti-data --features hdf5 --example list_arrays -- FILE ...
//! ```

use kiti_data::field_io::describe;

fn main() {
    for path in std::env::args().skip(1) {
        println!("{path}");
        match describe(&path) {
            Err(error) => println!("  {error}"),
            Ok(arrays) => {
                for array in arrays {
                    println!(
                        "  {} {:?} {}: {} to {}, sum {}",
                        array.name, array.shape, array.dtype, array.min, array.max, array.sum
                    );
                }
            }
        }
    }
}

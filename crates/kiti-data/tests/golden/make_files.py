"""Makes the files that the readers are tested on: python make_files.py (numpy, scipy, h5py)."""

import h5py
import numpy as np
from scipy.io import savemat

u = (np.arange(24).reshape(2, 3, 4) - 7) / 4
arrays = {
    "u": u,
    "count": np.arange(6, dtype=np.int32).reshape(2, 3) * 1000,
    "single": np.float32([[0.1, 0.2, 0.3]]),
    "wave": np.array([[1 + 2j, 3 - 4j]]),
    "mask": np.array([[True, False, True]]),
    "note": "text",
}
savemat("v5.mat", arrays, do_compression=False)
savemat("v5_compressed.mat", arrays, do_compression=True)
savemat("v4.mat", {"a": np.eye(2)}, format="4")

# As MATLAB writes version 7.3: 512 bytes of header, axes in reverse.
with h5py.File("v73.mat", "w", userblock_size=512) as file:
    for name, values in {"u": u, "single": arrays["single"]}.items():
        file.create_dataset(name, data=values.T, compression="gzip")
        file[name].attrs["MATLAB_class"] = np.bytes_("double")
header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM"
with open("v73.mat", "r+b") as file:
    file.write(header)

# Groups, chunks that do not divide the array, filters, types, byte orders, as PDEBench and The
# Well have them.
with h5py.File("groups.hdf5", "w") as file:
    tensor = file.create_dataset("tensor", (3, 5, 7), "f4", chunks=(2, 2, 4), compression="gzip", shuffle=True)
    tensor[:] = np.arange(105).reshape(3, 5, 7)
    group = file.create_group("t0_fields")
    group["density"] = np.arange(6, dtype=">f8").reshape(2, 3)
    group["half"] = np.float16([0.5, -2, 65504])
    group["flag"] = np.array([True, False])
    group["name"] = "text"
    group["steps"] = np.uint16([[1, 2], [3, 65535]])
    group["unlimited"] = np.zeros(0)
    grown = file.create_dataset("grown", (1,), "i8", maxshape=(None,), chunks=(2,), fletcher32=True)
    grown.resize((5,))
    grown[:] = [1, -2, 3, -4, 5]

# The newer layout of groups and chunk indices.
with h5py.File("latest.h5", "w", libver="latest") as file:
    file.create_dataset("a/b/c", data=np.arange(20.).reshape(4, 5), chunks=(2, 2), compression="gzip")

# Far more zeros than are stored.
with h5py.File("hollow.h5", "w") as file:
    file.create_dataset("x", (1 << 40,), "f4", chunks=(1 << 20,))

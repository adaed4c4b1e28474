"""Small images, masks and DICOM series written to disk by other libraries, for tests of reading."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import FileMetaDataset

SPACING_XYZ, ORIGIN = (0.8, 0.9, 2.5), (10.0, -20.0, 30.0)
ANGLE = 0.3
TURNED = (np.cos(ANGLE), -np.sin(ANGLE), 0.0, np.sin(ANGLE), np.cos(ANGLE), 0.0, 0.0, 0.0, 1.0)
FORMATS = ["a.nii", "a.nii.gz", "a.nrrd", "a.nhdr", "a.mha", "a.mhd"]


def voxels(dtype: str = "i2", shape: tuple[int, int, int] = (4, 5, 6)) -> np.ndarray:
    """Values that tell every voxel from every other."""
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def itk_image(array: np.ndarray, direction: tuple[float, ...] = TURNED) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(SPACING_XYZ)
    image.SetOrigin(ORIGIN)
    image.SetDirection(direction)
    return image


def written(path: Path, array: np.ndarray, compress: bool = False, direction: tuple[float, ...] = TURNED) -> Path:
    sitk.WriteImage(itk_image(array, direction), str(path), compress)
    return path


def saved_nifti(path: Path, zyx: np.ndarray, affine: np.ndarray | None = None, **header: float) -> Path:
    """Through nibabel, which keeps NaN and any header field."""
    image = nib.Nifti1Image(zyx.T, np.diag([0.8, 0.9, 2.5, 1.0]) if affine is None else affine)
    image.header.set_slope_inter(header.pop("slope", 1), header.pop("inter", 0))
    for key, value in header.items():
        image.header[key] = value
    nib.save(image, path)
    return path


def drawn() -> np.ndarray:
    labels = np.zeros((8, 9, 10), np.uint8)
    labels[2:4, 3:6, 4:8] = 1
    labels[5, 5, 5] = 7
    return labels


def dicom_slice(path: Path, k: float, *, z: float | None = None, slope: float = 1.0, **tags: object) -> None:
    """A CT slice whose pixels are 1000 k + column + 10 row, at z = 2.5 k."""

    rows, columns = 4, 5
    ds = pydicom.Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = pydicom.uid.generate_uid()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds.Modality, ds.SeriesDescription, ds.SeriesInstanceUID = "CT", "chest", "1.2.3"
    ds.ImagePositionPatient = [1, 2, 2.5 * k if z is None else z]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing, ds.SliceThickness = [0.9, 0.8], 2.5
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = rows, columns, 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    ds.RescaleSlope, ds.RescaleIntercept = slope, 0
    ds.PixelData = (1000 * int(k) + np.arange(columns) + 10 * np.arange(rows)[:, None]).astype("<i2").tobytes()
    for key, value in tags.items():
        setattr(ds, key, value)
    ds.save_as(path, enforce_file_format=True)

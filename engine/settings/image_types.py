"""What image types have in common: their names, how their images are made, and the settings that they replace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import field_validator

from voxomics.engine.settings.parts import (
    Discretisation,
    Glcm,
    Glrlm,
    Ngldm,
    Ngtdm,
    Part,
    Percentile,
    in_order,
)

if TYPE_CHECKING:
    from voxomics.engine.volume import Image

BASE = "original"
"""The image that re-segmentation looks at, and whose VOIs have a morphology."""


def one_is_a_list(value: Any) -> Any:
    """One name as a tuple, a set of names in alphabetical order."""
    return (value,) if isinstance(value, str) and value != "all" else sorted(value) if isinstance(value, Set) else value


def spelt_out(value: Any) -> Any:
    """One discretisation or several as a tuple, those in the command line's spelling read."""
    in_order(value)
    several = (value,) if isinstance(value, (str, Mapping, Discretisation)) else value
    return several and tuple(Discretisation.parse(item) if isinstance(item, str) else item for item in several)


def spelt_out_alone(value: Any) -> Any:
    """A discretisation, read if it is in the command line's spelling."""
    return Discretisation.parse(value) if isinstance(value, str) else value


class ImageType(Part):
    """One image type of a run. Its images lie on the resampled original's grid and are measured on the same voxels.

    Attributes
    ----------
    type : str
        Which it is.
    features, exclude, aggregations, discretisation, histogram_discretisation, ivh_discretisation, percentile, glcm, \
glrlm, ngtdm, ngldm : optional
        Settings of this image type alone, in place of the run's.
    """

    type: str
    features: Literal["all"] | tuple[str, ...] | None = None
    exclude: tuple[str, ...] | None = None
    aggregations: tuple[str, ...] | None = None
    discretisation: tuple[Discretisation, ...] | None = None
    histogram_discretisation: tuple[Discretisation, ...] | None = None
    ivh_discretisation: Discretisation | None = None
    percentile: Percentile | None = None
    glcm: Glcm | None = None
    glrlm: Glrlm | None = None
    ngtdm: Ngtdm | None = None
    ngldm: Ngldm | None = None

    bytes_per_voxel: ClassVar[int] = 0
    """Memory that making an image takes beside the original, the new image included."""
    package: ClassVar[str] = ""
    """Distribution that decides the numbers and is not one of voxomics' own dependencies."""

    _one_is_a_list = field_validator("features", "exclude", "aggregations", mode="before")(one_is_a_list)
    _spelt_out = field_validator("discretisation", "histogram_discretisation", mode="before")(spelt_out)
    _spelt_out_alone = field_validator("ivh_discretisation", mode="before")(spelt_out_alone)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the images, as columns begin with them."""
        return (self.type,)

    def derive(self, image: Image, threads: int) -> Iterator[Image | str]:
        """The images in the order of their names, one at a time; for one that cannot be made, the reason.

        Parameters
        ----------
        image : Image
            Resampled, as it will be measured.
        threads : int
            Changes no bit.
        """
        raise NotImplementedError

    def check(self) -> None:
        """Raise where the image type cannot be made on this machine.

        Raises
        ------
        MissingExtraError
            An optional package is not installed.
        SettingsError
            The package does not know what was chosen.
        """

    def of_its_own(self) -> dict[str, Any]:
        """Settings of the run that this image type replaces."""
        chosen = {name: getattr(self, name) for name in ImageType.model_fields if name != "type"}
        return {name: value for name, value in chosen.items() if value is not None}

    def without_its_own(self) -> ImageType:
        """The image type, measured under the settings of the run."""
        return self.model_copy(update=dict.fromkeys(self.of_its_own()))

    def shortest(self) -> str | dict[str, Any]:
        """What a settings file says of it: its name alone, or a mapping of all that is chosen."""
        chosen = self.model_dump(mode="json", exclude_none=True)
        return self.type if chosen == {"type": self.type} else chosen


class Original(ImageType):
    """The image that was given, resampled."""

    type: Literal["original"] = "original"

    def derive(self, image: Image, threads: int) -> Iterator[Image | str]:
        """The image itself."""
        yield image

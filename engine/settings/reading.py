"""From a mapping or a YAML file to checked settings, and numbers as settings write them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from voxomics.engine.errors import InputError, SettingsError, nearest

Model = TypeVar("Model", bound=BaseModel)


def read_yaml(path: str | os.PathLike[str]) -> Mapping[str, Any]:
    """The mapping that a YAML file of settings holds; an empty file is an empty mapping.

    Parameters
    ----------
    path : path

    Returns
    -------
    mapping

    Raises
    ------
    InputError
        The file cannot be read.
    SettingsError
        It is not YAML, or not a mapping.
    """
    source = Path(path)
    try:
        content = yaml.safe_load(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"settings file {source.name}: cannot be read ({error.strerror}); give a YAML file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings file {source.name} is not YAML: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise SettingsError(f"settings file {source.name}: it must be a mapping of keys, got {type(content).__name__}")
    return content


def validated(model: type[Model], content: Mapping[str, Any], where: str) -> Model:
    """`model` filled from `content`; pydantic's findings become one SettingsError with the nearest accepted key."""
    try:
        return model.model_validate(dict(content))
    except ValidationError as error:
        raise SettingsError(f"{where}: " + "; ".join(_finding(model, item) for item in error.errors())) from None


def _finding(model: type[BaseModel], item: Any) -> str:
    path = [str(part) for part in item["loc"]]
    if item["type"] == "extra_forbidden":
        owner: Any = model
        for part in item["loc"][:-1]:
            if isinstance(part, str) and part in getattr(owner, "model_fields", {}):
                annotation = owner.model_fields[part].annotation
                inner = getattr(annotation, "__args__", (annotation,))[0]
                owner = inner
        fields = getattr(owner, "model_fields", model.model_fields)
        return f"unknown key {'.'.join(path)!r}; {nearest(path[-1], fields)}"
    message = re.sub(r"^Value error, ", "", item["msg"])
    if item["type"] in ("value_error",):
        return message if not path else f"{'.'.join(path)}: {message}"
    return f"{'.'.join(path)}: {message}, got {item['input']!r}"


def short(value: float | None) -> str:
    """A number without a needless decimal point.

    Examples
    --------
    >>> short(25.0), short(0.25)
    ('25', '0.25')
    """
    return repr(int(value)) if value is not None and float(value).is_integer() else repr(value)


@cache
def bytes_of(text: str) -> int:
    """A size such as "4GB" as a number of bytes.

    Raises
    ------
    ValueError
        The text is no size.

    Examples
    --------
    >>> bytes_of("1.5 MB")
    1500000
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?\s*", text, re.IGNORECASE)
    if not match:
        raise ValueError(f"memory {text!r} is not a size; accepted: a number with KB, MB, GB or TB, for example 4GB")
    return int(float(match[1]) * 1000 ** " KMGT".index(match[2].upper() or " "))

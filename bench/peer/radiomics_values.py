"""Real PyRadiomics in its own interpreter, for bench/parity.py: a line of JSON in, [image, mask, parameters]; a line out."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any


def main() -> None:
    """Answer until the input ends: values by feature and CPU seconds, or the error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    import radiomics
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    radiomics.setVerbosity(60)
    for line in sys.stdin:
        image, mask, parameters = json.loads(line)
        began = time.process_time()
        try:
            found = RadiomicsFeatureExtractor(parameters).execute(image, mask)
            values = {name: float(value) for name, value in found.items() if not name.startswith("diagnostics_")}
            answer: dict[str, Any] = {"values": values}
        except Exception as error:  # noqa: BLE001 - the other side compares refusals too
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps({**answer, "cpu_s": time.process_time() - began}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()

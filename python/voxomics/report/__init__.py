"""The report of a study: one HTML page, its figures as files, and the reporting checklists CLEAR and METRICS."""

from voxomics.report.page import write_report

__all__ = ["write_report"]

"""All cases that need no server, subject by subject."""

from __future__ import annotations

from tests.mistakes import (
    cases_columns,
    cases_commands,
    cases_data,
    cases_files,
    cases_headers,
    cases_history,
    cases_manifests,
    cases_projects,
    cases_python,
    cases_resets,
    cases_rows,
    cases_sql,
    cases_urls,
)

CASES = (
    *cases_manifests.CASES,
    *cases_projects.CASES,
    *cases_headers.CASES,
    *cases_python.CASES,
    *cases_sql.CASES,
    *cases_data.CASES,
    *cases_columns.CASES,
    *cases_rows.CASES,
    *cases_history.CASES,
    *cases_files.CASES,
    *cases_commands.CASES,
    *cases_resets.CASES,
    *cases_urls.CASES,
)

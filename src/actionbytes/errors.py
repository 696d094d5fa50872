"""What a user did that cannot work, said in one line."""


class UserError(Exception):
    """An error that a user can cause and mend: its text is one line that says what is wrong and what to do.

    `cli.main` and the workflow's scripts print it without a traceback and leave with exit status 2.
    """

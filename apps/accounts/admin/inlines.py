"""What inlines share."""

from unfold.admin import TabularInline


class UntitledInline(TabularInline):  # type: ignore[misc]  # the library has no types
    """A table whose rows have no headings; the line of django-unfold for each Python has its own word for it."""

    if hasattr(TabularInline, "show_title"):
        show_title = False
    else:
        hide_title = True

from django.core.management.commands.shell import Command as DjangoShell


class Command(DjangoShell):
    def get_auto_imports(self) -> list[str]:
        """Without the histories of settings, which no module has; `Brand.history.model` is one."""
        return [path for path in super().get_auto_imports() or () if not path.startswith("ads.Historical")]

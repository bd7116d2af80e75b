from django.apps import AppConfig


class AdsConfig(AppConfig):
    name = "ads"
    verbose_name = "Budgets"

    def ready(self) -> None:
        from ads import checks  # noqa: F401 - registers the system checks
        from ads.services import wiring

        wiring.connect()

"""People, what they may do and which brands they see, in plain words; and who changed that."""

from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from ads.admin import cells
from ads.admin.base import EVERYTHING, BaseAdmin, ReadOnlyAdmin
from ads.admin.changes import RightsChangesMixin
from ads.formats import counted
from ads.models import Brand, RightKind, RightsChange
from ads.models.rights_change import RightsChangeQuerySet
from ads.rights import Person, Right, is_superuser, may, may_grant, may_manage
from ads.rules.periods import Calendar
from ads.services import lock_out, two_factor
from ads.services.rights import ACCOUNT_SETTINGS

for model in (User, Group, TOTPDevice, StaticDevice):  # the last two would show secrets
    admin.site.unregister(model)

# What the pages say at their top; Django's own words are "Authentication and Authorization" and "groups".
apps.get_app_config("auth").verbose_name = "People"
Group._meta.verbose_name, Group._meta.verbose_name_plural = "role", "roles"

OUR_PERMISSIONS = Permission.objects.filter(content_type__app_label="ads", codename__in=Right.values)
BRAND_OF_ASSIGNMENT: Any = Brand.assigned_to.through._meta.get_field("brand")


def permissions_of(group: Group) -> list[str]:
    """What a role gives, as `app.codename`."""
    given = group.permissions.select_related("content_type")
    return [f"{permission.content_type.app_label}.{permission.codename}" for permission in given]


def rights_in_words(group: Group) -> str:
    """What a role lets people do, in the order of the rights."""
    given = {permission.codename for permission in group.permissions.all()}
    return "; ".join(right.label for right in Right if right.value in given) or "nothing yet"


class RolesField(forms.ModelMultipleChoiceField[Group]):
    """Roles, each with what it lets people do."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.name}: {rights_in_words(obj)}"


class RightsField(forms.ModelMultipleChoiceField[Permission]):
    """Rights by what they let people do."""

    def label_from_instance(self, obj: Any) -> str:
        return str(obj.name)


HELP = {
    "is_staff": "Needed to import, to work on the quarantine, and to add brands, campaigns and spend, whatever the "
    "roles allow. Without it there is the dashboard alone."
}


class PersonForm(UserChangeForm):
    """Of roles and brands it offers those that its user may give; others stay as they are."""

    by: Person = AnonymousUser()
    groups = RolesField(
        label="Roles",
        queryset=Group.objects.none(),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="What this person may do with the brands they see.",
    )
    brands = forms.ModelMultipleChoiceField(
        queryset=Brand.objects.none(),
        required=False,
        widget=AutocompleteSelectMultiple(BRAND_OF_ASSIGNMENT, admin.site),
        help_text="Which brands this person sees; a role may give every one.",
    )
    user_permissions = RightsField(
        label="Further rights",
        queryset=OUR_PERMISSIONS,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="Beyond those of the roles.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, words in ACCOUNT_SETTINGS.items():
            if name in self.fields:
                self.fields[name].label = words
                self.fields[name].help_text = HELP.get(name, "")
        choices: dict[str, Any] = self.fields
        if "groups" in choices:
            roles = list(Group.objects.prefetch_related("permissions__content_type"))
            allowed = [role.pk for role in roles if may_grant(self.by, permissions_of(role))]
            choices["groups"].queryset = (
                Group.objects.filter(pk__in=allowed).order_by("pk").prefetch_related("permissions")
            )
        if "brands" in choices:
            choices["brands"].queryset = Brand.objects.visible_to(self.by)
            self.initial["brands"] = [] if self.instance.pk is None else list(self.instance.brands.all())

    def clean_groups(self) -> list[Group]:
        return self._kept_and_chosen("groups", Group.objects.filter(user=self.instance.pk))

    def clean_brands(self) -> list[Brand]:
        return self._kept_and_chosen("brands", Brand.objects.filter(assigned_to=self.instance.pk))

    def _kept_and_chosen(self, name: str, had: QuerySet[Any]) -> list[Any]:
        offered: Any = self.fields[name]
        kept = had.exclude(pk__in=offered.queryset.order_by().values("pk"))
        return [*kept, *self.cleaned_data[name]]

    def _save_m2m(self) -> None:
        super()._save_m2m()  # type: ignore[misc]
        if "brands" in self.cleaned_data:
            self.instance.brands.set(self.cleaned_data["brands"])


@admin.register(User)
class UserAdmin(RightsChangesMixin, DjangoUserAdmin[User], BaseAdmin[User]):
    needs = {what: {Right.MANAGE_PEOPLE} for what in EVERYTHING}
    form = PersonForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    change_form_template = "admin/ads/user/change_form.html"
    list_display = ("username", "first_name", "last_name", "roles", "sees", "second_factor", "is_active")
    list_filter = ("is_active", "groups")
    filter_horizontal = ()
    empty_text = "Nobody here."
    actions = ("unlock", "reset_two_factor")
    acts = {"unlock": "Unlock signing in", "reset_two_factor": "Reset two-factor"}

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return (
            super()
            .get_queryset(request)
            .annotate(has_phone=Exists(TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)))
            .prefetch_related("groups", Prefetch("brands", Brand.objects.visible_to(request.user)))
        )

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None:
            return super().get_fieldsets(request, obj)
        secret = ("password",) if self.has_change_permission(request, obj) else ()
        account = ["is_active", "is_staff", "groups", "brands"]
        beyond = ["is_superuser", "user_permissions"] if is_superuser(request.user) else []
        return (
            (None, {"fields": ("username", *secret)}),
            ("Person", {"fields": ("first_name", "last_name", "email")}),
            ("Rights", {"fields": [*account, *beyond]}),
            ("Dates", {"fields": ("last_login", "date_joined")}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        return ("last_login", "date_joined")

    def get_form(
        self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.by = request.user
        return form

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request) and (obj is None or may_manage(request.user, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request) and (obj is None or may_manage(request.user, obj))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Those of a person's own page: whom one may manage differs from one to the next."""
        match = request.resolver_match
        if match is None or str(match.url_name).endswith("_changelist"):
            return {}
        actions: dict[str, Any] = super().get_actions(request)
        return {name: action for name, action in actions.items() if name in self.acts}

    def page_context(self, request: HttpRequest, row: User) -> dict[str, Any]:
        locked = lock_out.is_locked(row.get_username(), timezone.now())
        words = [
            *(["Too many sign-ins failed: locked out for a while."] if locked else []),
            *(["Signs in with a second factor."] if two_factor.is_on(row) else []),
        ]
        return super().page_context(request, row) | {"state_words": " ".join(words)}

    def buttons(self, request: HttpRequest, row: User) -> list[str]:
        makes_sense = {
            "unlock": lock_out.is_locked(row.get_username(), timezone.now()),
            "reset_two_factor": two_factor.is_on(row),
        }
        return [act for act in self.acts if makes_sense[act] and self.has_change_permission(request, row)]

    @admin.action(permissions=["change"], description="Unlock signing in")
    def unlock(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for person in self._managed(request, queryset):
            failures = lock_out.unlock(person.get_username())
            self.log_change(request, person, f"Unlocked: {counted(failures, 'failed sign-in')} forgotten.")
            self.message_user(request, f"{person} may sign in again.", messages.SUCCESS)

    @admin.action(permissions=["change"], description="Reset two-factor")
    def reset_two_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for person in self._managed(request, queryset):
            if two_factor.reset(person, by=request.user):
                told = f"{person} is signed out everywhere, and signs in with the password alone."
                self.message_user(request, told, messages.SUCCESS)
            else:
                self.message_user(request, f"{person} has no second factor.", messages.WARNING)

    def _managed(self, request: HttpRequest, people: QuerySet[User]) -> list[User]:
        chosen = list(people)
        if not all(may_manage(request.user, person) for person in chosen):
            raise PermissionDenied
        return chosen

    @admin.display(description="Roles")
    def roles(self, user: User) -> str:
        if user.is_superuser:
            return "Superuser"
        return ", ".join(group.name for group in user.groups.all()) or "None"

    @admin.display(description="Brands")
    def sees(self, user: User) -> str:
        return ", ".join(brand.name for brand in user.brands.all()[:3]) or "None assigned"

    @admin.display(description="Two-factor", boolean=True)
    def second_factor(self, user: Any) -> bool:
        return bool(user.has_phone)

    def changes_of(self, request: HttpRequest, row: User) -> RightsChangeQuerySet:
        changes = RightsChange.objects.filter(user=row)
        if may(request.user, Right.SEE_ALL_BRANDS):
            return changes  # also of brands that are there no more
        seen = Brand.objects.visible_to(request.user).values("pk")
        return changes.filter(Q(brand__isnull=True) | Q(brand__in=seen))


class RoleForm(forms.ModelForm[Group]):
    permissions = RightsField(
        label="Rights",
        queryset=OUR_PERMISSIONS,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )

    class Meta:
        model = Group
        fields = ("name", "permissions")


@admin.register(Group)
class GroupAdmin(RightsChangesMixin, DjangoGroupAdmin, BaseAdmin[Group]):
    """What a role means is for superusers to say: it would else be a way to more rights than one has."""

    needs = {"view": {Right.MANAGE_PEOPLE}}
    form = RoleForm
    change_form_template = "admin/ads/user/change_form.html"
    filter_horizontal = ()
    list_display = ("name", "rights")
    empty_text = "No roles."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request).prefetch_related("permissions")

    @admin.display(description="Rights")
    def rights(self, group: Group) -> str:
        return rights_in_words(group)

    def changes_of(self, request: HttpRequest, row: Group) -> RightsChangeQuerySet:
        return RightsChange.objects.filter(kind=RightKind.RIGHT_OF_ROLE, subject_key__startswith=f"{row.pk}:")


@admin.register(RightsChange)
class RightsChangeAdmin(ReadOnlyAdmin[RightsChange]):
    needs = {"view": {Right.MANAGE_PEOPLE}}
    fields = ("when", "username", "what", "happened", "by_whom")
    list_display = ("when", "username", "what", "happened", "by_whom")
    search_fields = ("username", "subject", "by")
    search_help_text = "Search by person, role, brand or who did it"
    empty_text = "Nobody was given or lost a right."

    @admin.display(description="When (UTC)", ordering="pk")
    def when(self, change: RightsChange) -> SafeString:
        return cells.when(change.at, Calendar.fixed("UTC"), timezone.now(), seconds=True)

    @admin.display(description="Right")
    def what(self, change: RightsChange) -> str:
        return f"{change.get_kind_display()}: {change.subject}"

    @admin.display(description="Was")
    def happened(self, change: RightsChange) -> str:
        return "given" if change.given else "taken"

    @admin.display(description="By")
    def by_whom(self, change: RightsChange) -> str:
        return change.by or "The system or a command"

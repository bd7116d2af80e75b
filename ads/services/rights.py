"""The history of rights: each one given or taken is written down as it happens, and can be put back."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save
from django.utils import timezone

from ads.actor import Actor, acting_as, actor_name
from ads.errors import NotPutBack
from ads.models import ApiToken, Brand, RightKind, RightsChange
from ads.rights import Person, Right, is_superuser, may, may_grant, may_manage
from ads.services.transactions import retrying

ACCOUNT_SETTINGS = {
    "is_active": "May sign in",
    "is_staff": "May enter the admin",
    "is_superuser": "May do everything",
}


@dataclass(frozen=True, slots=True)
class Link:
    """A table of pairs that says who has what; `attribute` is the owner's own way to it."""

    kind: RightKind
    owner: type[Model]
    attribute: str
    subject: type[Model]
    columns: tuple[str, str]  # the owner's and the subject's


LINKS: dict[type[Model], Link] = {
    User.groups.through: Link(RightKind.ROLE, User, "groups", Group, ("user", "group")),
    User.user_permissions.through: Link(
        RightKind.RIGHT, User, "user_permissions", Permission, ("user", "permission")
    ),
    Brand.assigned_to.through: Link(RightKind.BRAND, User, "brands", Brand, ("user", "brand")),
    Group.permissions.through: Link(
        RightKind.RIGHT_OF_ROLE, Group, "permissions", Permission, ("group", "permission")
    ),
}
_GIVES = {"pre_add": True, "pre_remove": False, "pre_clear": False}
_READ = "_account_as_read"


@dataclass(frozen=True, slots=True)
class Effect:
    """What somebody may do besides, and no longer, and how many brands they see, before and afterwards."""

    gained: tuple[Right, ...]
    lost: tuple[Right, ...]
    brands_before: int
    brands_after: int


def connect() -> None:
    """Called once, when the application is ready."""
    for through in LINKS:
        m2m_changed.connect(_links_change, sender=through, dispatch_uid=f"ads.rights.{through.__name__}")
    pre_save.connect(_read_account, sender=User, dispatch_uid="ads.rights.read_account")
    post_save.connect(_account_saved, sender=User, dispatch_uid="ads.rights.account_saved")
    for model in (User, Group, Brand):
        pre_delete.connect(_owner_goes, sender=model, dispatch_uid=f"ads.rights.{model.__name__}_goes")
    post_delete.connect(_token_deleted, sender=ApiToken, dispatch_uid="ads.rights.token_deleted")


def record_token(token: ApiToken, *, given: bool) -> None:
    """Writes down that a token was made or revoked."""
    scopes = " ".join(token.scopes)
    _record(_change(RightKind.TOKEN, token.user, token.pk, f"{token} with {scopes}", given=given))


def record_two_factor(user: User, *, given: bool) -> None:
    """Writes down that somebody's second factor was switched on or off."""
    _record(_change(RightKind.TWO_FACTOR, user, user.pk, "Sign in with a second factor", given=given))


@retrying
def put_back(change: RightsChange, *, by: Actor = None, dry_run: bool = False) -> Effect:
    """Gives what the change took, or takes what it gave. A dry run is taken back whole.

    Raises NotPutBack where that cannot be, or is so already.
    """
    user = _user(change)
    before = _powers(user)
    with acting_as(by):
        _put(change, user)
    after = _powers(_user(change))  # read again: what somebody may do is remembered with them
    transaction.set_rollback(dry_run)
    return Effect(
        gained=tuple(right for right in Right if right in after[0] and right not in before[0]),
        lost=tuple(right for right in Right if right in before[0] and right not in after[0]),
        brands_before=before[1],
        brands_after=after[1],
    )


def is_in_force(change: RightsChange) -> bool:
    """Whether it is now as this change left it."""
    through, link = _link_of(RightKind(change.kind))
    if through is not None and link is not None:
        owner_key, subject_key = _keys(change)
        mine, theirs = link.columns
        rows = through._default_manager.filter(**{f"{mine}_id": owner_key, f"{theirs}_id": subject_key})
        return rows.exists() == change.given
    if change.kind == RightKind.TOKEN:
        token = ApiToken.objects.filter(pk=change.subject_key).first()
        return (token is not None and token.revoked_at is None) == change.given
    user = _user(change)
    return user is not None and bool(getattr(user, change.subject_key)) == change.given


def permissions_of(change: RightsChange) -> list[str]:
    """The permissions, as `app.codename`, that it gave or took."""
    granted = Permission.objects.none()
    if change.kind == RightKind.ROLE:
        granted = Permission.objects.filter(group__pk=change.subject_key)
    elif change.kind in {RightKind.RIGHT, RightKind.RIGHT_OF_ROLE}:
        granted = Permission.objects.filter(pk=_keys(change)[1])
    return [f"{app}.{name}" for app, name in granted.values_list("content_type__app_label", "codename")]


def may_put_back(person: Person, change: RightsChange) -> bool:
    """Whether this person may: nobody gives or takes what they do not have, nor from whom they may not manage."""
    if is_superuser(person):
        return True
    user = _user(change)
    return (
        user is not None
        and may_manage(person, user)
        and change.subject_key != "is_superuser"
        and (change.brand_id is None or Brand.objects.visible_to(person).filter(pk=change.brand_id).exists())
        and may_grant(person, permissions_of(change))
    )


def _put(change: RightsChange, user: User | None) -> None:
    if user is None and change.kind != RightKind.RIGHT_OF_ROLE:
        raise NotPutBack(f"{change.username} has no account any more")
    if change.kind == RightKind.TWO_FACTOR:
        raise NotPutBack("Only the person can switch two-factor on; it is reset on their page")
    if not is_in_force(change):
        raise NotPutBack("It is as it was before already")
    if change.kind == RightKind.TOKEN:
        _put_token(change)
    elif change.kind == RightKind.ACCOUNT:
        _put_account(change, user)
    else:
        _put_link(change)


def _put_link(change: RightsChange) -> None:
    _, link = _link_of(RightKind(change.kind))
    if link is None:
        raise AssertionError(f"{change.kind} is no pair")
    owner_key, subject_key = _keys(change)
    owner = link.owner._default_manager.filter(pk=owner_key).first()
    subject = link.subject._default_manager.filter(pk=subject_key).first()
    if owner is None or subject is None:
        raise NotPutBack(f"{change.subject} is not there any more")
    links = getattr(owner, link.attribute)
    links.remove(subject) if change.given else links.add(subject)


def _put_account(change: RightsChange, user: User | None) -> None:
    if user is not None:
        setattr(user, change.subject_key, not change.given)
        user.save(update_fields=[change.subject_key])


def _put_token(change: RightsChange) -> None:
    token = ApiToken.objects.select_related("user").filter(pk=change.subject_key).first()
    if token is None:
        raise NotPutBack("The token is not there any more; make a new one")
    ApiToken.objects.filter(pk=token.pk).update(revoked_at=timezone.now() if change.given else None)
    record_token(token, given=not change.given)


def _link_of(kind: RightKind) -> tuple[type[Model] | None, Link | None]:
    return next(((through, link) for through, link in LINKS.items() if link.kind == kind), (None, None))


def _keys(change: RightsChange) -> tuple[object, str]:
    """Of who has it, and of what it is."""
    if change.kind != RightKind.RIGHT_OF_ROLE:
        return change.user_id, change.subject_key
    role, _, permission = change.subject_key.partition(":")
    return role, permission


def _user(change: RightsChange) -> User | None:
    return None if change.user_id is None else User.objects.filter(pk=change.user_id).first()


def _powers(user: User | None) -> tuple[set[Right], int]:
    if user is None:
        return set(), 0
    return {right for right in Right if may(user, right)}, Brand.objects.visible_to(user).count()


def _links_change(
    sender: type[Model],
    *,
    instance: Model,
    action: str,
    model: type[Model],
    pk_set: Collection[Any] | None,
    **_: object,
) -> None:
    """Told beforehand, because only then what there is can be told from what is new or goes."""
    given = _GIVES.get(action)
    if given is None:
        return
    link = LINKS[sender]
    is_owner = isinstance(instance, link.owner)
    mine, theirs = link.columns if is_owner else reversed(link.columns)
    rows = sender._default_manager.filter(**{mine: instance.pk})
    linked = set(rows.values_list(f"{theirs}_id", flat=True))
    wanted = linked if pk_set is None else {int(key) for key in pk_set}
    others = model._default_manager.filter(pk__in=wanted - linked if given else wanted & linked)
    pairs = [(instance, other) if is_owner else (other, instance) for other in others.order_by("pk")]
    _record(*(_of_link(link, owner, subject, given=given) for owner, subject in pairs))


def _of_link(link: Link, owner: Model, subject: Model, *, given: bool) -> RightsChange:
    if isinstance(owner, User):
        brand = subject if isinstance(subject, Brand) else None
        return _change(link.kind, owner, subject.pk, _words(subject), given=given, brand=brand)
    words = f"{owner}: {_words(subject)}"
    return _change(link.kind, None, f"{owner.pk}:{subject.pk}", words, given=given)


def _words(subject: Model) -> str:
    return subject.name if isinstance(subject, Permission) else str(subject)


def _read_account(*, instance: User, update_fields: Collection[str] | None, **_: object) -> None:
    is_concerned = update_fields is None or not set(ACCOUNT_SETTINGS).isdisjoint(update_fields)
    stored = User.objects.filter(pk=instance.pk).values(*ACCOUNT_SETTINGS) if is_concerned else ()
    instance.__dict__[_READ] = next(iter(stored), dict.fromkeys(ACCOUNT_SETTINGS, False))


def _account_saved(
    *, instance: User, created: bool, update_fields: Collection[str] | None, **_: object
) -> None:
    before = instance.__dict__.pop(_READ)
    names = [name for name in ACCOUNT_SETTINGS if update_fields is None or name in update_fields]
    _record(
        *(
            _change(RightKind.ACCOUNT, instance, name, ACCOUNT_SETTINGS[name], given=getattr(instance, name))
            for name in names
            if getattr(instance, name) != (before[name] and not created)
        )
    )


def _owner_goes(*, instance: Model, **_: object) -> None:
    """The database takes the links along without a word."""
    _record(*_lost_with(instance))


def _lost_with(gone: Model) -> Iterator[RightsChange]:
    for through, link in LINKS.items():
        mine, theirs = link.columns
        rows: Iterable[Any] = ()
        if isinstance(gone, link.owner):
            rows = through._default_manager.filter(**{mine: gone}).select_related(mine, theirs)
        elif isinstance(gone, link.subject):
            rows = through._default_manager.filter(**{theirs: gone}).select_related(mine, theirs)
        for row in rows:
            yield _of_link(link, getattr(row, mine), getattr(row, theirs), given=False)
    if isinstance(gone, User):
        for name, words in ACCOUNT_SETTINGS.items():
            if getattr(gone, name):
                yield _change(RightKind.ACCOUNT, gone, name, words, given=False)


def _token_deleted(*, instance: ApiToken, **_: object) -> None:
    if instance.revoked_at is None:
        record_token(instance, given=False)


def _change(
    kind: RightKind, user: Any, key: object, subject: str, *, given: bool, brand: Brand | None = None
) -> RightsChange:
    return RightsChange(
        kind=kind,
        user_id=None if user is None else user.pk,
        username="" if user is None else user.get_username(),
        brand_id=None if brand is None else brand.pk,
        subject_key=str(key),
        subject=subject[:255],
        given=given,
        by=actor_name(),
        at=timezone.now(),
    )


def _record(*changes: RightsChange) -> None:
    if changes:
        RightsChange.objects.bulk_create(changes)

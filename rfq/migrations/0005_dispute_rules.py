"""The database's own rules for disputes: whose they are, who ends them, and that nothing of them is lost."""

from django.db import migrations

from trading.lib.schema import append_only, function_back, never_deleted, only_changes, transitions

# A person who took part asked, quoted, accepted, or took it down for somebody else.
RULES = """
create function rfq_dispute_part(fill bigint, person bigint) returns boolean language sql stable
    set search_path = pg_catalog, public, pg_temp as $$
    select exists (
        select from rfq_fill f join rfq_rfq r on r.id = f.rfq_id join rfq_quote q on q.id = f.quote_id
        join users_user u on u.person_id = person
        where f.id = fill and u.id in (
            f.accepted_by_id, r.requested_by_id, q.quoted_by_id,
            (to_jsonb(r) ->> 'entered_by_id')::bigint, (to_jsonb(q) ->> 'entered_by_id')::bigint
        )
    )
$$;

create function rfq_dispute_guard() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
declare
    opener users_user;
    handler users_user;
begin
    if tg_op = 'INSERT' then
        if not exists (select from rfq_fill where id = new.fill_id and new.party_id in (client_id, lp_id)) then
            raise exception 'DP01 only a party of the trade disputes it' using errcode = '42501';
        end if;
        select * into opener from users_user where id = new.opened_by_id;
        if opener.counterparty_id is not null and opener.counterparty_id <> new.party_id then
            raise exception 'DP02 a party opens its own disputes' using errcode = '42501';
        end if;
        return new;
    end if;
    if old.status in ('resolved', 'withdrawn') then
        raise exception 'DP03 a dispute that is over never changes' using errcode = '42501';
    end if;
    if new.assigned_to_id is not null then
        select * into handler from users_user where id = new.assigned_to_id;
        if handler.counterparty_id is not null or handler.kind <> 'human' then
            raise exception 'DP04 the people of the desk handle disputes' using errcode = '42501';
        end if;
    end if;
    if new.status = 'resolved' then
        if new.assigned_to_id is distinct from old.assigned_to_id then
            raise exception 'DP05 who resolves a dispute handled it before' using errcode = '42501';
        end if;
        if rfq_dispute_part(new.fill_id, handler.person_id) then
            raise exception 'DP06 nobody resolves a dispute about a trade they took part in' using errcode = '42501';
        end if;
    end if;
    return new;
end $$;
create trigger guard before insert or update on rfq_dispute
    for each row execute function rfq_dispute_guard();

create function rfq_disputenote_guard() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
declare
    about rfq_dispute;
    writer users_user;
begin
    select * into about from rfq_dispute where id = new.dispute_id for share;
    select * into writer from users_user where id = new.author_id;
    if about.status in ('resolved', 'withdrawn') then
        raise exception 'DP03 a dispute that is over never changes' using errcode = '42501';
    end if;
    if writer.counterparty_id is not null and (new.is_internal or writer.counterparty_id <> about.party_id) then
        raise exception 'DP07 a party writes to the desk, in its own disputes' using errcode = '42501';
    end if;
    return new;
end $$;
create trigger guard before insert on rfq_disputenote
    for each row execute function rfq_disputenote_guard();
"""
BACK = "drop trigger guard on rfq_dispute; drop trigger guard on rfq_disputenote;" + function_back(
    "rfq_disputenote_guard()", "rfq_dispute_guard()", "rfq_dispute_part(bigint, bigint)"
)


class Migration(migrations.Migration):
    dependencies = [("rfq", "0004_disputes")]
    operations = [
        transitions(
            "rfq_dispute",
            ["open"],
            {"open": ["assigned", "withdrawn"], "assigned": ["open", "resolved", "withdrawn"]},
        ),
        only_changes(
            "rfq_dispute",
            "status",
            "updated_at",
            "assigned_to_id",
            "assigned_at",
            "outcome",
            "resolution",
            "closed_at",
        ),
        migrations.RunSQL(RULES, BACK),
        *never_deleted("rfq_dispute"),
        *append_only("rfq_disputenote"),
    ]

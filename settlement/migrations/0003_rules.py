"""The database's own rules for money."""

from django.db import migrations

from trading.lib.schema import append_only, never_deleted, only_changes, transitions

# A journal closes with its own transaction: entries need the same transaction id and the same
# start (ids begin anew when a cluster is rebuilt from a dump, instants do not). Each statement that
# adds entries leaves its journals balanced: checked only at commit, `set constraints all immediate`
# would have the check done and more entries added after it. Every function names its search path
# with pg_temp last, or a temporary table could stand in for the ledger's.
LEDGER = """
alter table settlement_entry add constraint entry_account_asset
    foreign key (account_id, asset_id) references settlement_ledgeraccount (id, asset_id);

create function settlement_journal_stamp() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
begin
    new.xid := pg_current_xact_id();
    new.created_at := transaction_timestamp();
    return new;
end $$;
create trigger stamp before insert on settlement_journal
    for each row execute function settlement_journal_stamp();

create function settlement_entry_open() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (
        select from settlement_journal
        where id = new.journal_id and xid = pg_current_xact_id() and created_at = transaction_timestamp()
    ) then
        raise exception 'journal % is closed', new.journal_id using errcode = '23514';
    end if;
    return new;
end $$;
create trigger journal_open before insert on settlement_entry
    for each row execute function settlement_entry_open();

create function settlement_journals_balance() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
declare
    unbalanced bigint;
begin
    select journal_id into unbalanced from settlement_entry
    where journal_id in (select journal_id from added)
    group by journal_id, asset_id, layer having sum(amount) <> 0 limit 1;
    if found then
        raise exception 'journal % does not balance', unbalanced using errcode = '23514';
    end if;
    return null;
end $$;
create trigger balanced after insert on settlement_entry referencing new table as added
    for each statement execute function settlement_journals_balance();

create function settlement_journal_not_empty() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (select from settlement_entry where journal_id = new.id) then
        raise exception 'journal % has no entries', new.key using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger not_empty after insert on settlement_journal
    deferrable initially deferred for each row execute function settlement_journal_not_empty();
"""

LEDGER_BACK = """
drop trigger not_empty on settlement_journal;
drop function settlement_journal_not_empty();
drop trigger balanced on settlement_entry;
drop function settlement_journals_balance();
drop trigger journal_open on settlement_entry;
drop function settlement_entry_open();
drop trigger stamp on settlement_journal;
drop function settlement_journal_stamp();
alter table settlement_entry drop constraint entry_account_asset;
"""

# Cached balances: written by these triggers alone (they run as the owner of the tables), rows
# locked in the order of account ids, so that two postings cannot wait for each other in a circle.
BALANCES = """
create function settlement_account_balance() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if new.is_cached then
        insert into settlement_balance (account_id, posted, held, credit) values (new.id, 0, 0, new.credit_minor)
            on conflict (account_id) do update set credit = excluded.credit;
    end if;
    return null;
end $$;
create trigger balance after insert or update of credit_minor on settlement_ledgeraccount
    for each row execute function settlement_account_balance();

create function settlement_entries_apply() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    perform from settlement_balance where account_id in (select account_id from added)
        order by account_id for update;
    update settlement_balance as balance
    set posted = balance.posted + change.posted, held = balance.held + change.held
    from (
        select account.id,
            coalesce(sum(added.amount) filter (where added.layer = 'P'), 0) * sign.value as posted,
            coalesce(sum(added.amount) filter (where added.layer = 'H'), 0) * sign.value as held
        from added
        join settlement_ledgeraccount as account on account.id = added.account_id and account.is_cached
        cross join lateral (select case account.normal when 'D' then 1 else -1 end as value) as sign
        group by account.id, sign.value
    ) as change
    where balance.account_id = change.id;
    return null;
end $$;
create trigger apply after insert on settlement_entry referencing new table as added
    for each statement execute function settlement_entries_apply();
"""

BALANCES_BACK = """
drop trigger apply on settlement_entry;
drop function settlement_entries_apply();
drop trigger balance on settlement_ledgeraccount;
drop function settlement_account_balance();
"""

# Post several journals in one round trip. Each is {key, kind, subject, input_hash, reverses,
# entries: [{account, layer, amount}]} with account codes. Returns the journals' ids, and whether the
# client balances they touched are covered (posted >= held, without the credit line). The same key
# with the same input again returns the old journal, with another input it is refused (DK409).
POST = """
create function settlement_post(journals jsonb) returns table (journal_id bigint, is_covered boolean)
    language plpgsql set search_path = pg_catalog, public, pg_temp as $$
declare
    given jsonb;
    known settlement_journal;
    unknown text;
begin
    select entry ->> 'account' into unknown
    from jsonb_array_elements(journals) as journal, jsonb_array_elements(journal -> 'entries') as entry
    where not exists (select from settlement_ledgeraccount where code = entry ->> 'account') limit 1;
    if unknown is not null then
        raise exception 'there is no ledger account %', unknown using errcode = 'DK404';
    end if;
    perform settlement_lock_balances(journals);
    for given in select * from jsonb_array_elements(journals) loop
        insert into settlement_journal (key, kind, subject, input_hash, reverses_id)
        values (given ->> 'key', given ->> 'kind', given ->> 'subject',
                decode(given ->> 'input_hash', 'hex'), (given ->> 'reverses')::bigint)
        on conflict (key) do nothing returning id into journal_id;
        if journal_id is null then
            select * into known from settlement_journal where key = given ->> 'key';
            if known.input_hash <> decode(given ->> 'input_hash', 'hex') then
                raise exception 'journal % was posted with other input', known.key using errcode = 'DK409';
            end if;
            journal_id := known.id;
        else
            insert into settlement_entry (journal_id, account_id, asset_id, layer, amount)
            select settlement_post.journal_id, account.id, account.asset_id, entry ->> 'layer',
                (entry ->> 'amount')::numeric
            from jsonb_array_elements(given -> 'entries') as entry
            join settlement_ledgeraccount as account on account.code = entry ->> 'account'
            order by account.id;
        end if;
        select coalesce(bool_and(balance.posted >= balance.held), true) into is_covered
        from jsonb_array_elements(given -> 'entries') as entry
        join settlement_ledgeraccount as account on account.code = entry ->> 'account'
        join settlement_balance as balance on balance.account_id = account.id;
        return next;
        journal_id := null;
    end loop;
end $$;

create function settlement_lock_balances(journals jsonb) returns void language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    perform from settlement_balance where account_id in (
        select account.id
        from jsonb_array_elements(journals) as journal
        cross join lateral jsonb_array_elements(journal -> 'entries') as entry
        join settlement_ledgeraccount as account on account.code = entry ->> 'account'
    ) order by account_id for update;
end $$;
"""

POST_BACK = "drop function settlement_post(jsonb); drop function settlement_lock_balances(jsonb);"

# Every step of a settlement leaves a row with its reason; the runtime role cannot write one itself.
STEPS = """
create function settlement_step_recorded() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        insert into settlement_settlementtransition (settlement_id, from_status, to_status, reason, detail, at)
        values (new.id, '', new.status, new.reason, new.detail, new.updated_at);
    elsif old.status <> new.status then
        insert into settlement_settlementtransition (settlement_id, from_status, to_status, reason, detail, at)
        values (new.id, old.status, new.status, new.reason, new.detail, new.updated_at);
    end if;
    return null;
end $$;
create trigger recorded after insert or update of status on settlement_settlement
    for each row execute function settlement_step_recorded();
"""

# The flag's one reader. Volatile: each statement inside sees what was committed before it, so the
# switch is read after the shared lock is held. The flip takes the same lock exclusively.
FLAG = """
create function settlement_auto_enabled() returns boolean language plpgsql volatile
    set search_path = pg_catalog, public, pg_temp as $$
begin
    perform pg_advisory_xact_lock_shared(7001);
    return exists (select from waffle_switch where name = 'AUTO_SETTLEMENT_ENABLED' and active);
end $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("settlement", "0002_initial"),
        ("users", "0002_rules"),
        ("waffle", "0004_update_everyone_nullbooleanfield"),
    ]
    operations = [
        migrations.RunSQL(LEDGER, LEDGER_BACK),
        migrations.RunSQL(BALANCES, BALANCES_BACK),
        migrations.RunSQL(POST, POST_BACK),
        *append_only(
            "settlement_journal",
            "settlement_entry",
            "settlement_settlementtransition",
            "settlement_simulatedtransaction",
        ),
        only_changes("settlement_ledgeraccount", "credit_minor"),
        only_changes("settlement_settlement", "status", "reason", "detail", "updated_at", "settled_at"),
        only_changes(
            "settlement_transfer", "status", "reason", "block_number", "confirmations", "updated_at", "final_at"
        ),
        only_changes("settlement_transferattempt", "status", "broadcast_at", "answer"),
        only_changes("settlement_payoutaddress", "label", "approved_at", "usable_from", "revoked_at"),
        only_changes("settlement_asset"),
        only_changes("settlement_wallet", "next_nonce", "paused_at", "minimum"),
        *never_deleted(
            "settlement_asset",
            "settlement_ledgeraccount",
            "settlement_balance",
            "settlement_payoutaddress",
            "settlement_settlement",
            "settlement_transfer",
            "settlement_transferattempt",
            "settlement_wallet",
        ),
        migrations.RunSQL(
            STEPS, "drop trigger recorded on settlement_settlement; drop function settlement_step_recorded();"
        ),
        transitions(
            "settlement_settlement",
            ["awaiting_funds", "flagged_off", "awaiting_approval", "approved"],
            {
                "awaiting_funds": ["flagged_off", "awaiting_approval", "approved", "cancelled"],
                "flagged_off": ["approved", "awaiting_approval", "settled_manually", "cancelled"],
                "awaiting_approval": ["approved", "flagged_off", "cancelled"],
                "approved": ["paying", "settled", "flagged_off", "blocked", "cancelled"],
                "blocked": ["approved", "cancelled"],
                "paying": ["settled", "needs_review"],
                "needs_review": ["paying", "settled", "cancelled"],
                "settled": ["needs_review"],
            },
        ),
        transitions(
            "settlement_transfer",
            ["signed"],
            {
                "signed": ["broadcast", "mined", "needs_review"],
                "broadcast": ["mined", "needs_review"],
                "mined": ["final", "broadcast", "needs_review"],
                "needs_review": ["broadcast", "final", "abandoned"],
                "final": ["broadcast"],
            },
        ),
        transitions(
            "settlement_transferattempt",
            ["signed"],
            {
                "signed": ["broadcast", "mined", "failed", "superseded", "expired"],
                "broadcast": ["mined", "failed", "superseded", "expired"],
                "mined": ["broadcast"],
                "superseded": ["mined"],
            },
        ),
        migrations.RunSQL(FLAG, "drop function settlement_auto_enabled();"),
    ]

"""
One payment of the bank or the chain is booked once in its direction, whatever books it and however it is typed.

Refusals begin with a code (MN33, ST08).
"""

from importlib import import_module

from django.db import migrations

from trading.lib.schema import append_only, function_back, replaced

LP = import_module("settlement.migrations.0015_lp_payment_rules")
USED_BEFORE = import_module("settlement.migrations.0018_by_hand_rules").USED

# The form references are compared in, as `settlement.banks.reference` writes them; of a transaction's id its 64 digits.
KEY = r"""
create function settlement_reference_key(given text) returns text language sql immutable
    set search_path = pg_catalog, pg_temp as $$
    select case when plain ~ '^(0X)?[0-9A-F]{64}$' then right(plain, 64) else plain end
    from (
        select btrim(regexp_replace(regexp_replace(upper(translate(
            normalize(given, NFKC), '۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩', '01234567890123456789'
        )), E'[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]', '', 'g'), '\s+', ' ', 'g'))
            as plain
    ) as one
$$;
"""

# What a payment in this direction is booked as, or in any (null); what settled a trade by hand, or what the desk signed
# itself, is found in any. A lock per reference makes that certain.
BOOKING = """
create function settlement_booking_of(wanted text, wanted_way text) returns text language plpgsql volatile
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    key text := settlement_reference_key(wanted);
begin
    perform pg_advisory_xact_lock(7004, hashtext(key));
    return coalesce((
        select transfer.ref from settlement_transferattempt as attempt
        join settlement_transfer as transfer on transfer.id = attempt.transfer_id
        where attempt.tx_hash in ('0x' || lower(key), lower(key)) limit 1
    ), (
        select booked_as from settlement_bookedreference
        where reference = key and (wanted_way is null or way = wanted_way or booked_as like 'STL-%') limit 1
    ));
end $$;

create function settlement_book_reference() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    now_is jsonb := to_jsonb(new);
    was jsonb := case when tg_op = 'UPDATE' then to_jsonb(old) else '{}'::jsonb end;
    one record;
    other text;
begin
    for one in select * from (values
        ('bank_reference', case tg_table_name when 'settlement_deposit' then 'in' else 'out' end),
        ('return_reference', case tg_table_name when 'settlement_deposit' then 'out' else 'in' end),
        ('reference', coalesce(now_is ->> 'direction', 'out'))
    ) as named (field, way) loop
        continue when now_is ->> one.field is null or now_is ->> one.field = was ->> one.field;
        other := settlement_booking_of(now_is ->> one.field, one.way);
        if other is not null then
            raise exception '%', format(
                case when other like 'STL-%' then 'ST08 %s has settled %s by hand'
                    else 'MN33 the payment %s is booked as %s already' end,
                now_is ->> one.field, other
            ) using errcode = '23505';
        end if;
        insert into settlement_bookedreference (way, reference, booked_as) values (
            one.way, settlement_reference_key(now_is ->> one.field), coalesce(
                now_is ->> 'ref',
                (select ref from settlement_settlement where id = (now_is ->> 'settlement_id')::bigint)
            )
        );
    end loop;
    return null;
end $$;
create trigger book_reference after insert or update of bank_reference, return_reference on settlement_deposit
    for each row execute function settlement_book_reference();
create trigger book_reference after insert or update of bank_reference, return_reference on settlement_withdrawal
    for each row execute function settlement_book_reference();
create trigger book_reference after insert or update of reference, return_reference on settlement_lppayment
    for each row execute function settlement_book_reference();
create trigger book_reference after insert on settlement_manualpayment
    for each row execute function settlement_book_reference();
"""
BOOKING_BACK = "".join(
    f"drop trigger book_reference on settlement_{table};"
    for table in ("deposit", "withdrawal", "lppayment", "manualpayment")
) + function_back("settlement_book_reference()", "settlement_booking_of(text, text)")

# What was booked before this rule. What is booked twice keeps its first; `manage.py audit_verify` names the others.
KNOWN = """
insert into settlement_bookedreference (way, reference, booked_as, booked_at)
select way, settlement_reference_key(reference), booked_as, booked_at from (
    select 'in' as way, bank_reference as reference, ref as booked_as, updated_at as booked_at from settlement_deposit
    union all select 'out', return_reference, ref, updated_at from settlement_deposit
    union all select 'out', bank_reference, ref, updated_at from settlement_withdrawal
    union all select 'in', return_reference, ref, updated_at from settlement_withdrawal
    union all select direction, reference, ref, updated_at from settlement_lppayment
    union all select 'in', return_reference, ref, updated_at from settlement_lppayment
    union all select 'out', payment.reference, one.ref, payment.made_at from settlement_manualpayment as payment
        join settlement_settlement as one on one.id = payment.settlement_id
) as known where reference is not null order by booked_at on conflict do nothing;
"""

USED = """
create or replace function settlement_reference_used(wanted text) returns text language plpgsql volatile
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    return settlement_booking_of(wanted, null);
end $$;

create or replace function settlement_not_paid_by_hand() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    perform pg_advisory_xact_lock(7004, hashtext(settlement_reference_key(new.tx_hash)));
    if exists (select from settlement_bookedreference where reference = settlement_reference_key(new.tx_hash)) then
        raise exception 'ST08 % has settled something already', new.tx_hash using errcode = '23505';
    end if;
    return new;
end $$;
"""

# The rules that this one takes the place of.
GONE = (
    "drop trigger booked_once on settlement_withdrawal; drop trigger booked_once on settlement_deposit;"
    " drop trigger booked_once on settlement_lppayment;"
    " drop trigger not_by_hand on settlement_deposit; drop trigger not_by_hand on settlement_withdrawal;"
    " drop trigger not_by_hand on settlement_lppayment;"
    + function_back("settlement_booked_once()", "settlement_booked_as(text, text)")
)
NOT_BY_HAND = """
create trigger not_by_hand before insert or update of bank_reference, return_reference on settlement_deposit
    for each row execute function settlement_not_paid_by_hand();
create trigger not_by_hand before update of bank_reference, return_reference on settlement_withdrawal
    for each row execute function settlement_not_paid_by_hand();
create trigger not_by_hand before insert or update of reference, return_reference on settlement_lppayment
    for each row execute function settlement_not_paid_by_hand();
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0038_references")]
    operations = [
        migrations.RunSQL(KEY, function_back("settlement_reference_key(text)")),
        migrations.RunSQL(KNOWN, migrations.RunSQL.noop),
        migrations.RunSQL(BOOKING, BOOKING_BACK),
        *append_only("settlement_bookedreference"),
        replaced(USED, USED_BEFORE),
        migrations.RunSQL(GONE, LP.BOOKED + NOT_BY_HAND),
    ]

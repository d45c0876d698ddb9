-- Which run wrote last, kept in both schemas and beside the index's objects: a part that was restored from a backup
-- names another one.
create table recon.life (
  is_only_row boolean primary key default true check (is_only_row),
  token uuid,
  previous uuid,
  server text not null default '',
  doubt text not null default '',
  doubted_since timestamptz
);
insert into recon.life default values;
comment on column recon.life.doubt is 'Why the index is to be compared object by object, until a reconciliation has done that';
create table udp.life (
  is_only_row boolean primary key default true check (is_only_row),
  token uuid
);
insert into udp.life default values;

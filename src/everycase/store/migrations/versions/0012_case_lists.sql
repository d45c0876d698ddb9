-- Pages list cases by status, stage, space and note. What most cases have is found at once in the order of the ids;
-- what few have needs an index of its own, or the page scans every case to show none.
create index data_lineage_deleted on recon.data_lineage (record_id) where status = 'deleted';
create index data_lineage_limited on recon.data_lineage (record_id) where limited_data;
create index data_lineage_on_the_way on recon.data_lineage (current_stage, record_id)
  where current_stage <> 'weaviate_loaded';
create index data_lineage_space on recon.data_lineage (space, record_id);

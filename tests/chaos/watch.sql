-- Triggers that write down what the tables alone do not tell. They belong to the suite, not to the product.
CREATE SCHEMA chaos;

-- Who held which run from when on, and each change of state.
CREATE TABLE chaos.moved (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(),
    run_id uuid NOT NULL, worker_id uuid, epoch int NOT NULL, was text NOT NULL, status text NOT NULL,
    stop_reason text NOT NULL, crashes int NOT NULL
);
CREATE FUNCTION chaos.note_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    INSERT INTO chaos.moved (run_id, worker_id, epoch, was, status, stop_reason, crashes)
    VALUES (NEW.id, NEW.worker_id, NEW.lease_epoch, OLD.status, NEW.status, NEW.stop_reason, NEW.crashes);
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_move AFTER UPDATE ON runs_run FOR EACH ROW
    WHEN (OLD.worker_id IS DISTINCT FROM NEW.worker_id OR OLD.status <> NEW.status OR OLD.lease_epoch <> NEW.lease_epoch)
    EXECUTE FUNCTION chaos.note_move();

-- Which process of the machine a worker's id was.
CREATE TABLE chaos.worker (id uuid PRIMARY KEY, pid int NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE FUNCTION chaos.note_worker() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    INSERT INTO chaos.worker (id, pid) VALUES (NEW.id, NEW.pid);
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_worker AFTER INSERT ON runs_workerprocess FOR EACH ROW EXECUTE FUNCTION chaos.note_worker();

-- What must never be changed once it is there.
CREATE TABLE chaos.tampered (
    at timestamptz NOT NULL DEFAULT clock_timestamp(), relation text NOT NULL, operation text NOT NULL, was text NOT NULL
);
CREATE FUNCTION chaos.note_tampering() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    INSERT INTO chaos.tampered (relation, operation, was) VALUES (TG_TABLE_NAME, TG_OP, left(OLD::text, 500));
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_step AFTER UPDATE OR DELETE ON runs_step FOR EACH ROW EXECUTE FUNCTION chaos.note_tampering();
CREATE TRIGGER chaos_event AFTER UPDATE OR DELETE ON runs_event FOR EACH ROW EXECUTE FUNCTION chaos.note_tampering();

-- Writes of the engine that were fenced off: the statement came, named an epoch, and found no row.
CREATE TABLE chaos.refused (at timestamptz NOT NULL DEFAULT clock_timestamp(), statement text NOT NULL);
CREATE FUNCTION chaos.note_refusal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM changed) AND current_setting('application_name') = 'cef-engine'
       AND current_query() ~ 'lease_epoch = \$\d' AND current_query() ~ 'INSERT INTO runs_(step|event)' THEN
        INSERT INTO chaos.refused (statement)
        VALUES (CASE WHEN current_query() ~ 'INSERT INTO runs_step' THEN 'record' ELSE 'move' END);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_refusal AFTER UPDATE ON runs_run REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION chaos.note_refusal();

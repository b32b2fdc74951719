"""One whole input of each kind, small, made here: nothing is needed beside the project."""

import json
import pickle
from pathlib import Path

import numpy as np


def make_seeds(folder: Path) -> None:
    """`folder/<kind>/...` for every kind of `fuzzing.targets`."""
    for kind, make in _MAKERS.items():
        (folder / kind).mkdir(parents=True)
        make(folder / kind)


def _pickle(folder: Path) -> None:
    """A straight street in ScenarioNet's form: the ego and a car behind it."""
    instants = 30
    x = 8.0 * 0.1 * np.arange(instants)
    zero = np.zeros(instants)

    def track(start_m: float, kind: str) -> dict:
        state = {
            "position": np.column_stack((x + start_m, zero, zero)),
            "heading": zero.copy(),
            "velocity": np.column_stack((zero + 8.0, zero)),
            "valid": np.ones(instants, dtype=bool),
            "length": zero + 4.5, "width": zero + 1.9, "height": zero + 1.6,
        }  # fmt: skip
        return {"type": kind, "state": state, "metadata": {"type": kind}}

    along = np.column_stack((np.arange(-50.0, 150.0), np.zeros(200)))
    ring = np.array(((-50.0, -1.75), (149.0, -1.75), (149.0, 1.75), (-50.0, 1.75)))
    lane = {
        "type": "LANE_SURFACE_STREET", "polyline": along, "polygon": ring,
        "entry_lanes": [], "exit_lanes": [],
    }  # fmt: skip
    data = {
        "id": "seed", "version": "1", "length": instants, "dynamic_map_states": {},
        "tracks": {"ego": track(0.0, "VEHICLE"), "car": track(-20.0, "VEHICLE")},
        "map_features": {"lane": lane, "walk": {"type": "CROSSWALK", "polygon": ring[:, ::-1]}},
        "metadata": {
            "sdc_id": "ego", "ts": 0.1 * np.arange(instants), "dataset": "seed", "map": "none",
        },
    }  # fmt: skip
    (folder / "sd_seed.pkl").write_bytes(pickle.dumps(data))


def _scenario(folder: Path) -> None:
    from drive.pipelines.save import save
    from sim.sources.query import SourceQuery

    save(SourceQuery(families=("straight",), count=1, duration_s=2.0), folder)


def _argoverse2(folder: Path) -> None:
    """A log of two seconds on a straight road."""
    import pyarrow
    import pyarrow.feather

    log = folder / "log"
    (log / "map").mkdir(parents=True)
    time_ns = 315973157959879000 + 100_000_000 * np.arange(20)
    fine_ns = time_ns[0] - 100_000_000 + 5_000_000 * np.arange(440)
    one, nil = np.ones(len(fine_ns)), np.zeros(len(fine_ns))
    poses = {"timestamp_ns": fine_ns, "qw": one, "qx": nil, "qy": nil, "qz": nil}
    poses |= {"tx_m": 1000.0 + 8e-9 * (fine_ns - fine_ns[0]), "ty_m": nil, "tz_m": nil + 10.3}
    pyarrow.feather.write_feather(pyarrow.table(poses), log / "city_SE3_egovehicle.feather")
    one, nil = np.ones(len(time_ns)), np.zeros(len(time_ns))
    boxes = {
        "timestamp_ns": time_ns, "track_uuid": ["car"] * 20, "category": ["REGULAR_VEHICLE"] * 20,
        "length_m": one * 4.5, "width_m": one * 1.9, "height_m": one * 1.6, "qw": one, "qx": nil,
        "qy": nil, "qz": nil, "tx_m": one * 15.0, "ty_m": nil, "tz_m": one * 0.5,
        "num_interior_pts": np.full(20, 50),
    }  # fmt: skip
    pyarrow.feather.write_feather(pyarrow.table(boxes), log / "annotations.feather")

    archive = json.dumps(_street())
    (log / "map" / "log_map_archive_seed____PIT_city_1.json").write_text(archive)
    place = {"R": [1.0, 0.0, 0.0, 1.0], "t": [-700.0, 300.0], "s": 1.0}
    (log / "map" / "seed___img_Sim2_city.json").write_text(json.dumps(place))
    np.save(log / "map" / "seed_ground_height_surface____PIT.npy", np.full((600, 800), 10.0, "f2"))


def _street() -> dict:
    """One lane, a crosswalk and the road, as Argoverse 2 writes maps."""

    def line(y: float) -> list[dict]:
        return [{"x": x, "y": y, "z": 10.0} for x in np.arange(900.0, 1200.0, 10.0)]

    lane = {
        "id": 1, "lane_type": "VEHICLE", "is_intersection": False, "successors": [],
        "predecessors": [], "left_neighbor_id": None, "right_neighbor_id": None,
        "left_lane_boundary": line(1.75), "right_lane_boundary": line(-1.75),
    }  # fmt: skip
    return {
        "lane_segments": {"1": lane},
        "pedestrian_crossings": {"2": {"id": 2, "edge1": line(-2.0)[:2], "edge2": line(2.0)[:2]}},
        "drivable_areas": {"3": {"id": 3, "area_boundary": line(-4.0) + line(4.0)[::-1]}},
    }


def _kitti(folder: Path) -> None:
    for name in ("velodyne", "label_2", "calib"):
        (folder / name).mkdir()
    _points(4).tofile(folder / "velodyne" / "000001.bin")
    label = "Car 0.00 0 -1.57 1 2 3 4 1.5 1.7 4.2 1.0 1.6 15.0 -1.5\n"
    (folder / "label_2" / "000001.txt").write_text(label)
    calib = "R0_rect: 1 0 0 0 1 0 0 0 1\nTr_velo_to_cam: 0 -1 0 0 0 0 -1 -0.08 1 0 0 -0.27\n"
    (folder / "calib" / "000001.txt").write_text(calib)


def _nuscenes_bin(folder: Path) -> None:
    _points(5).tofile(folder / "sweep.pcd.bin")


def _points(fields: int) -> np.ndarray:
    draw = np.random.default_rng(0)
    points = np.zeros((400, fields), dtype=np.float32)
    points[:, :3] = draw.uniform(-40.0, 40.0, (400, 3))
    points[:, 3] = draw.uniform(0.0, 1.0, 400)
    if fields == 5:
        points[:, 4] = draw.integers(0, 32, 400)
    return points


def _feather(folder: Path) -> None:
    import pyarrow
    import pyarrow.feather

    points = _points(5)
    columns = {name: points[:, k].astype("f2") for k, name in enumerate("xyz")}
    columns |= {"intensity": np.full(400, 9, "u1"), "laser_number": points[:, 4].astype("u1")}
    columns |= {"offset_ns": np.arange(400, dtype="i4")}
    pyarrow.feather.write_feather(pyarrow.table(columns), folder / "315973157959879000.feather")


def _run(folder: Path) -> None:
    from drive.cli.main import main

    main([
        "simulate", "--families", "straight", "--count", "1", "--duration-s", "2", "--planner", "idm",
        "--videos", "0", "--workers", "0", "--name", "run", "--out", str(folder),
    ])  # fmt: skip
    (folder / "latest").unlink()


def _preset(folder: Path) -> None:
    text = (
        "source: procedural\nfamilies: [straight, curve]\ncount: 4\nplanner: [idm]\nreplan: 0.5\n"
    )
    (folder / "preset.yaml").write_text(text + "duration_s: 12.0\nseed: 3\nout: runs\n")


def _results(folder: Path) -> None:
    def box(token: str) -> dict:
        return {
            "sample_token": token, "translation": [1.0, 2.0, 0.5], "size": [1.9, 4.5, 1.6],
            "rotation": [1.0, 0.0, 0.0, 0.0], "velocity": [1.0, 0.0], "detection_name": "car",
            "detection_score": 0.5, "attribute_name": "vehicle.moving",
        }  # fmt: skip

    uses = ("use_camera", "use_lidar", "use_radar", "use_map", "use_external")
    meta = {name: name == "use_lidar" for name in uses}
    tokens = ("first", "second")
    results = {"meta": meta, "results": {token: [box(token)] * 2 for token in tokens}}
    (folder / "results.json").write_text(json.dumps(results))


def _motion(folder: Path) -> None:
    """A motion forecasting scenario of three seconds; its map is that of the log."""
    import pyarrow
    import pyarrow.parquet

    steps = np.arange(30)
    columns: dict[str, list] = {name: [] for name in _MOTION}
    for name, start_m in (("AV", 1000.0), ("car", 985.0)):
        rows = {
            "track_id": [name] * 30, "object_type": ["vehicle"] * 30, "city": ["pittsburgh"] * 30,
            "timestep": steps, "position_x": start_m + 0.8 * steps, "position_y": np.zeros(30),
            "heading": np.zeros(30),
        }  # fmt: skip
        for column, values in rows.items():
            columns[column] += list(values)
    pyarrow.parquet.write_table(pyarrow.table(columns), folder / "scenario_seed.parquet")
    archive = json.dumps(_street())
    (folder / "log_map_archive_seed.json").write_text(archive)


_MOTION = (
    "track_id", "object_type", "city", "timestep", "position_x", "position_y", "heading",
)  # fmt: skip


def _commonroad(folder: Path) -> None:
    """Two lanelets with a light, a car ahead, and a goal after four seconds."""

    def point(x: float, y: float) -> str:
        return f"<point><x>{x}</x><y>{y}</y></point>"

    def lanelet(name: int, first_m: float, last_m: float, rest: str) -> str:
        sides = (("left", 1.75), ("right", -1.75))
        bounds = "".join(
            f"<{side}Bound>{point(first_m, y)}{point(last_m, y)}</{side}Bound>" for side, y in sides
        )
        return f'<lanelet id="{name}">{bounds}{rest}</lanelet>'

    def exact(**values: float) -> str:
        return "".join(f"<{k}><exact>{v}</exact></{k}>" for k, v in values.items())

    def state(x: float, time: int) -> str:
        place = f"<position>{point(x, 0.0)}</position>"
        return place + exact(velocity=10.0, orientation=0.0, time=time)

    states = "".join(f"<state>{state(1020.0 + k, k)}</state>" for k in range(1, 41))
    (folder / "seed.xml").write_text(
        '<commonRoad timeStepSize="0.1" commonRoadVersion="2020a" benchmarkID="TST_By-1_1_T-1">'
        + lanelet(1, 990.0, 1040.0, '<successor ref="2"/><trafficLightRef ref="9"/>')
        + lanelet(2, 1040.0, 1100.0, '<predecessor ref="1"/>')
        + '<trafficLight id="9"><cycle><cycleElement><duration>30</duration><color>green</color>'
        "</cycleElement><timeOffset>0</timeOffset></cycle></trafficLight>"
        '<dynamicObstacle id="30"><type>car</type><shape><rectangle><length>4.5</length>'
        f"<width>1.8</width></rectangle></shape><initialState>{state(1020.0, 0)}</initialState>"
        f"<trajectory>{states}</trajectory></dynamicObstacle>"
        f'<planningProblem id="5"><initialState>{state(1000.0, 0)}</initialState><goalState>'
        "<position><rectangle><length>2</length><width>2</width><center><x>1040</x><y>0</y></center>"
        "</rectangle></position><time><intervalStart>40</intervalStart><intervalEnd>40</intervalEnd>"
        "</time></goalState></planningProblem></commonRoad>"
    )


def _nuscenes(folder: Path) -> None:
    """Two exported scenes of two seconds, with few points."""
    from dataclasses import replace

    from sim.export.nuscenes import export_scenes
    from sim.export.nuscenes.schema import LIDAR_TOP
    from sim.sources.procedural import generate

    lidar = replace(LIDAR_TOP, num_columns=36)
    splits = {"sim_train": 1, "sim_val": 1}
    scenarios = generate(["straight"], 2, duration_s=2.0)
    export_scenes(scenarios, folder, "v1.0-sim", splits, sweeps=False, lidar=lidar)


def _plans(folder: Path) -> None:
    plan = [[1.0 * k, 0.0] for k in range(1, 7)]
    (folder / "plans.json").write_text(json.dumps({"first": plan, "second": plan}))


def _predictions(folder: Path) -> None:
    def one(sample: str) -> dict:
        mode = [[1.0 * k, 0.0] for k in range(12)]
        return {
            "instance": "car", "sample": sample, "prediction": [mode, mode],
            "probabilities": [0.6, 0.4],
        }  # fmt: skip

    (folder / "predictions.json").write_text(json.dumps([one("first"), one("second")]))


_MAKERS = {
    "pickle": _pickle,
    "scenario": _scenario,
    "argoverse2": _argoverse2,
    "kitti": _kitti,
    "nuscenes_bin": _nuscenes_bin,
    "feather": _feather,
    "run": _run,
    "preset": _preset,
    "results": _results,
    "motion": _motion,
    "commonroad": _commonroad,
    "nuscenes": _nuscenes,
    "plans": _plans,
    "predictions": _predictions,
}

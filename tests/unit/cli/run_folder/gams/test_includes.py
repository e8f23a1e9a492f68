from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.run_folder.conftest import Look, MakeTree, names_of
from times_doctor_cli.run_folder.errors import (
    AbsoluteInclude,
    LeavesTree,
    MissingInput,
    NotAFile,
    SourceNotFound,
    TooMuch,
)
from times_doctor_cli.run_folder.gams import includes
from times_doctor_cli.run_folder.model import Role, SearchLimits

SOURCE = {"src/initsys.mod": "* ours\n", "src/initmty.mod": "", "src/maindrv.mod": "$batinclude eq_%1.mod\n"}


def included(look_at: Look, driver: str, **others: str) -> set[str]:
    """The names of everything but the driver."""
    files = {"case/case.run": driver} | {f"case/{name}": text for name, text in others.items()}
    return {name.removeprefix("model/") for name in names_of(look_at(files))} - {"case.run"}


@pytest.mark.parametrize(
    "line",
    [
        "$include x.dd",
        "$INCLUDE X.DD",
        "$   BATINCLUDE x.dd mod 'a b'",
        '$include "x.dd"',
        "$include 'x.dd'   ",
        "$include x.dd !! a comment",
        "$$include x.dd",
        r"$include .\x.dd",
        "$include x.dd\r",
        '$include "x.dd";',
        "$include 'x.dd' ; !! settings of 'all'",
        '$include "x.dd";!!country level',
        "$include 'x.dd'# a comment",
        '$include "x.dd" $include "gone.dd"',
        '$ifi     exist "x.dd"  $include  "x.dd";',
        '$batinclude "x.dd"; sets',
        "$eolcom #\n$include x.dd # a comment",
        "$include x.dd;",
        "$offlisting $include x.dd",
        "$setglobal own ''\n%own%$include x.dd",
        "%own%$include x.dd",
        "$set own '*'\n%own%$ontext\n$include x.dd\n%own%$offtext",
        "$onempty onmulti include 'x.dd';",
        "$if set nothing $onempty $include x.dd",
        "$include x.dd ; or what else",
        "   $$include x.dd",
        "$if set nothing $$include 'x.dd';",
        '$set dd "x.dd";\n$include "%dd%";',
        "$setglobal dd  x  !! or y\n$include %dd%.dd",
        "$eolcom #\n$set dd x # or y\n$if %dd%==x $include %dd%.dd",
        r"$include .\\x.dd",
        "$include .//x.dd",
        "$if exist x.dd $include x.dd",
        "$ifi %system.filesys%==UNIX $include x.dd",
        "$if set nothing $ include x.dd",
        "$ife 1>0 $include x.dd",
        "$set dd x\n$include %dd%.dd",
        "$setglobal dd 'x' set ext dd\n$include %dd%.%ext%",
        "$include %system.fp%x.dd",
        "$ifthen not declared r\n$include x.dd\n$endif",
        "$ifthen set q\n$else\n$include x.dd\n$endif",
        "$set q 1\n$ifthen %q%==2\n$elseif %q%==1\n$include x.dd\n$else\n$endif",
        "$goto on\n$include gone.dd\n$label on\n$include x.dd",
        "$ontext\n$include gone.dd\n$offtext\n$include x.dd",
        "$onecho > y\n$include gone.dd\n$offecho\n$include x.dd",
        "$onembeddedcode Python:\n$include gone.dd\n$offembeddedcode\n$include x.dd",
        "$set f x.dd",
    ],
)
def test_an_include_is_found_however_it_is_written(look_at: Look, line: str) -> None:
    assert included(look_at, line + "\n", **{"x.dd": ""}) == {"x.dd"}


@pytest.mark.parametrize(
    "line", ["$include %sysenv.TIMES_DATA%/X.dd", "$set dir %sysenv.TIMES_DATA%/\n$include %dir%X.dd"]
)
def test_a_name_may_stand_in_the_environment_which_a_host_does_not_have(look_at: Look, line: str) -> None:
    files = {"case/case.run": f"{line}\n$if %sysenv.TIMES_DATA%==a $include gone.dd\n", "case/data/X.dd": ""}
    run = look_at(files, environ={"TIMES_DATA": "data"})
    assert {file.name for file in run.inputs} == {"model/case.run", "model/data/x.dd"}
    assert [rewrite.after for rewrite in run.rewrites] == ["$include data/x.dd"]


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("$call cp Data/X.inc y.dd", "$call cp data/x.inc y.dd"),
        ('$call "cp Data/X.inc y.dd"', '$call "cp data/x.inc y.dd"'),
        ("$hiddencall gdxxrw.exe i=Data\\X.inc o=y.dd", "$hiddencall gdxxrw.exe i=data/x.inc o=y.dd"),
        ("$call.checkErrorLevel cat data/x.inc > y.dd", None),
    ],
)
def test_what_a_called_program_reads_is_taken(look_at: Look, line: str, after: str | None) -> None:
    run = look_at({"case/case.run": f"{line}\n$include y.dd\n", "case/Data/X.inc": ""})
    assert {file.name for file in run.inputs} == {"model/case.run", "model/data/x.inc"}
    assert [rewrite.after for rewrite in run.rewrites] == ([after] if after else [])


@pytest.mark.parametrize(
    ("switch", "block"),
    [
        ("$oninline\n", "/* not now\n{}\n*/\n"),
        ("$inlinecom { }\n", "{{ not now\n{}\n}}\n"),
    ],
)
def test_in_a_block_of_comment_a_file_may_be_missing(look_at: Look, switch: str, block: str) -> None:
    text = switch + block.format("$include gone.dd") + "$include x.dd\n"
    assert included(look_at, text, **{"x.dd": ""}) == {"x.dd"}


@pytest.mark.parametrize("switch", ["", "$oninline\n$offinline\n"])
def test_without_inline_comments_such_a_block_is_none(look_at: Look, switch: str) -> None:
    with pytest.raises(MissingInput):
        included(look_at, f"{switch}/* now\n$include gone.dd\n*/\n")


@pytest.mark.parametrize(
    "lines",
    [
        "* $include x.dd",
        " $include x.dd",
        "$ontext\n$include x.dd\n$offtext",
        "$onecho > x.dd\nset r;\n$offecho\n$include x.dd",
        "$call gdxdump data.gdx output=x.dd\n$include x.dd",
        "$echo set r; > x.dd\n$include x.dd",
        "$onechov > 'x y.dd'\nset r;\n$offecho\n$include 'x y.dd'",
        '$call gams make.gms o="out/x y.dd"\n$include "out/x y.dd"',
        "$set q 1\n$if %q%==2 $include x.dd",
        "$set q 1\n$ifthen %q%==2\n$include x.dd\n$endif",
        "$exit\n$include x.dd",
        "$if exist x.dd $include x.dd",
        "$if exist x.dd\n$include x.dd",
        "$if not errorfree $include x.dd",
        "$set own '*'\n%own%$include x.dd",
        "$set own '*'\n$set two ''\n%two%%own%$include x.dd",
        "$set own ''\n%own%$ontext\n$include x.dd\n%own%$offtext",
        "$libinclude x.dd",
        "$sysinclude x.dd",
    ],
)
def test_what_is_not_read_may_be_missing(look_at: Look, lines: str) -> None:
    assert included(look_at, lines + "\n") == set()


def test_gams_tries_the_name_as_it_is_then_with_gms(look_at: Look) -> None:
    assert included(look_at, "$batinclude both\n$batinclude one\n", **{"both": "", "both.gms": "", "one.gms": ""}) == {
        "both",
        "one.gms",
    }


def test_the_chain_is_followed_with_arguments(look_at: Look) -> None:
    names = included(
        look_at,
        "$batinclude a.gms b dd\n",
        **{"a.gms": "$batinclude %1.%2\n$setargs P Q\n$batinclude c_%P%.%Q%\n", "b.dd": "", "c_b.dd": ""},
    )
    assert names == {"a.gms", "b.dd", "c_b.dd"}


@pytest.mark.parametrize(
    "loop",
    [
        '$label next\n$if "%1"=="" $exit\n$include %1.dd\n$shift\n$goto next\n',
        '$label next\n$ifthen not "%1"==""\n$include %1.dd\n$shift\n$goto next\n$endif\n',
        '$label next\n$include %1.dd\n$shift\n$if not "%1"=="" $goto next\n',
    ],
)
def test_a_loop_over_arguments_reads_the_file_of_each(look_at: Look, loop: str) -> None:
    files = {"each.gms": loop, "a.dd": "", "b.dd": "", "c.dd": "", "d.dd": ""}
    assert included(look_at, "$batinclude each.gms a b c\n", **files) == {"each.gms", "a.dd", "b.dd", "c.dd"}


@pytest.mark.parametrize("line", ["$include 'x y.dd';", '$batinclude "x y.dd" z', "$include 'x;'"])
def test_a_quoted_name_is_all_that_stands_between_the_quotes(look_at: Look, line: str) -> None:
    with pytest.raises(MissingInput, match=r"case\.run:1 includes 'x"):
        included(look_at, f"{line}\n", **{"x": "", "x.dd": ""})


def test_a_file_named_with_either_slash_is_one_file(look_at: Look) -> None:
    lines = ["$include sub/x.dd", r"$include sub\x.dd", r"$include sub\\x.dd", "$include .\\sub//X.DD"]
    assert included(look_at, "\n".join(lines) + "\n", **{"sub/x.dd": ""}) == {"sub/x.dd"}


def test_a_file_is_followed_anew_where_a_variable_has_another_value(look_at: Look) -> None:
    module = '$ifi "%phase%" == "sets" $include "sets.gms";\n$ifi "%phase%" == "bounds" $include "bounds.gms";\n'
    names = included(
        look_at,
        "$batinclude all.gms sets\n$batinclude all.gms bounds\n",
        **{"all.gms": "$setglobal phase %1\n$include module.gms\n", "module.gms": module},
        **{"sets.gms": "", "bounds.gms": ""},
    )
    assert names == {"all.gms", "module.gms", "sets.gms", "bounds.gms"}


@pytest.mark.parametrize("grow", ["", "$set list %list%,x\n", "$eval n %n%+1\n"])
def test_a_file_that_includes_itself_with_new_values_comes_to_an_end(look_at: Look, grow: str) -> None:
    text = f"{grow}$if not %list%==end $include a.gms\n"
    assert included(look_at, "$set list x\n$set n 1\n$include a.gms\n", **{"a.gms": text}) == {"a.gms"}


def test_a_file_that_includes_itself_comes_to_an_end(look_at: Look) -> None:
    assert included(look_at, "$include a.gms\n", **{"a.gms": "$include a.gms\n"}) == {"a.gms"}


def test_a_chain_that_branches_without_end_is_refused(look_at: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(includes, "MAX_READINGS", 200)
    files = {f"case/{n}.gms": f"$batinclude {n + 1}.gms %1y\n$batinclude {n + 1}.gms %1z\n" for n in range(9)}
    with pytest.raises(TooMuch, match="different arguments"):
        look_at({"case/case.run": "$batinclude 0.gms x\n", "case/9.gms": "", **files})


def test_includes_nested_deeper_than_gams_allows_are_refused(look_at: Look) -> None:
    chain = {f"case/{n}.gms": f"$include {n + 1}.gms\n" for n in range(10)} | {"case/10.gms": ""}
    with pytest.raises(TooMuch, match="nested more than 5 deep"):
        look_at({"case/case.run": "$include 0.gms\n", **chain}, limits=SearchLimits(depth=5))


def test_folders_are_searched_in_gams_order(look_at: Look) -> None:
    run = look_at(
        {
            "case/case.run": "$include x.dd\n",
            "case/vtrun.cmd": "gams case.run idir1=..\\a idir2=..\\b",
            "a/x.dd": "a",
            "b/x.dd": "b",
        }
    )
    assert [file.path.parent.name for file in run.inputs] == ["case", "a"]


def test_gams_never_looks_beside_the_including_file(look_at: Look) -> None:
    with pytest.raises(MissingInput, match=r"a\.gms:1 includes 'b\.dd'"):
        included(look_at, "$include sub/a.gms\n", **{"sub/a.gms": "$include b.dd\n", "sub/b.dd": ""})


def test_a_missing_include_names_file_line_and_places(look_at: Look, tmp_path: Path) -> None:
    with pytest.raises(MissingInput) as caught:
        included(look_at, "* one\n$include gone.dd\n")
    assert str(caught.value) == (
        f"case.run:2 includes 'gone.dd', which is in none of these folders: {str(tmp_path / 'case')!r}, "
        f"{str(tmp_path)!r}. Put it there, or name its folder with --include DIR."
    )


def test_a_name_of_27_000_characters_is_shown_by_its_ends(look_at: Look) -> None:
    with pytest.raises(MissingInput) as caught:
        included(look_at, f"$include {'x' * 27_000}.dd\n")
    assert "(27,003 characters)" in str(caught.value)
    assert len(str(caught.value)) < 1_000


def test_what_has_the_name_and_is_no_file_is_said(look_at: Look, make_tree: MakeTree) -> None:
    root = make_tree({"case/case.run": "$include x.dd\n", "case/sub.dd/y": ""})
    (root / "case/x.dd").symlink_to("share/x.dd")
    with pytest.raises(NotAFile, match=r"case\.run:1 includes 'x\.dd', but .*case/x\.dd' is a link to 'share/x\.dd'"):
        look_at({})
    with pytest.raises(NotAFile, match=r"sub\.dd' is a folder"):
        look_at({"case/case.run": "$include sub.dd\n"})


def test_an_include_nobody_can_decide_on_is_a_warning_when_missing(look_at: Look) -> None:
    run = look_at({"case/case.run": "$if %unknown%==1 $include gone.dd\n"})
    assert run.warnings == ("case.run:1 may include 'gone.dd', which was not found: taken as not needed.",)


def test_a_name_that_cannot_be_worked_out_takes_all_that_fit(look_at: Look) -> None:
    run = look_at(
        {
            "case/case.run": "$include scen_%who%.dd\n$include %what%\n",
            "case/scen_a.dd": "12",
            "case/Scen_B.DD": "345",
            "case/other.dd": "",
            "case/notes.txt": "",
            "scen_c.dd": "",
            "scen_a.dd": "shadowed",
        }
    )
    assert names_of(run) == {
        "model/case/case.run",
        "model/case/scen_a.dd",
        "model/case/scen_b.dd",
        "model/case/other.dd",
        "model/scen_c.dd",
    }
    group = run.computed[0]
    assert (group.written, group.why, group.pattern, group.count, group.size_bytes) == (
        "scen_%who%.dd",
        "case.run:1",
        "scen_*.dd",
        3,
        5,
    )


def test_a_name_with_two_possible_values_takes_both(look_at: Look) -> None:
    driver = "$set s a\n$if %unknown%==1 $set s b\n$include %s%.dd\n"
    assert included(look_at, driver, **{"a.dd": "", "b.dd": "", "c.dd": ""}) == {"a.dd", "b.dd"}


def test_command_line_variables_are_known(look_at: Look) -> None:
    files = {"case/case.run": "$include %scen%.dd\n", "case/vtrun.cmd": "gams case.run --scen=a", "case/a.dd": ""}
    assert "model/a.dd" in names_of(look_at(files))


def test_an_absolute_include_is_refused_with_its_place(look_at: Look) -> None:
    with pytest.raises(AbsoluteInclude) as caught:
        included(look_at, "$include C:\\data\\x.dd\n")
    assert str(caught.value) == (
        "case.run:1 includes 'C:\\\\data\\\\x.dd', an absolute path, which means nothing on a solver host. "
        "Write the bare file name there, or give the file with --include FILE."
    )


def test_an_absolute_include_is_met_by_a_file_given_by_hand(look_at: Look, make_tree: MakeTree) -> None:
    root = make_tree({"elsewhere/X.dd": ""})
    run = look_at({"case/case.run": "$include C:\\data\\x.dd\n"}, includes=[root / "elsewhere/X.dd"])
    assert "include/x.dd" in names_of(run)
    assert [rewrite.after for rewrite in run.rewrites] == ["$include ../include/x.dd"]


def test_an_absolute_include_into_the_models_own_folders_is_fine(look_at: Look, tmp_path: Path) -> None:
    run = look_at({"case/case.run": f"$include {tmp_path}/case/x.dd\n", "case/x.dd": ""})
    assert [rewrite.after for rewrite in run.rewrites] == ["$include x.dd"]


def test_a_folder_given_by_hand_is_searched_last(look_at: Look, make_tree: MakeTree) -> None:
    root = make_tree({"more/x.dd": "", "more/y.dd": ""})
    run = look_at({"case/case.run": "$include x.dd\n$include y.dd\n", "case/x.dd": ""}, includes=[root / "more"])
    assert [file.path.parent.name for file in run.inputs] == ["case", "case", "more"]


def test_a_link_out_of_the_model_is_refused(look_at: Look, make_tree: MakeTree) -> None:
    root = make_tree({"secret/key": "", "case/case.run": ""})
    (root / "case/x.dd").symlink_to(root / "secret/key")
    with pytest.raises(LeavesTree) as caught:
        look_at({"case/case.run": "$include x.dd\n", "case/vtrun.cmd": "gams case.run"})
    assert str(caught.value) == (
        f"'{root}/case/x.dd' is a link to '{root}/secret/key', outside of the folders of this model. "
        f"If the model really needs that file, say so: --include '{root}/secret/key'"
    )


def test_a_link_inside_the_model_is_followed(look_at: Look, make_tree: MakeTree) -> None:
    root = make_tree({"case/real.dd": "", "case/case.run": ""})
    (root / "case/x.dd").symlink_to("real.dd")
    assert "model/x.dd" in names_of(look_at({"case/case.run": "$include x.dd\n"}))


def test_the_times_source_is_taken_whole_and_not_followed(look_at: Look, make_tree: MakeTree) -> None:
    root = make_tree(
        {
            **SOURCE,
            "src/eq_mod.mod": "$batinclude gone.mod\n",
            "src/rpt_ext.abc": "",
            "src/VT_GAMS.CMD": "",
            "src/_times.g00": b"\x00",
            "src/blob.mod": b"\x00\x01",
            "src/sub/x.mod": "",
        }
    )
    run = look_at({"case/case.run": "$batinclude initsys.mod\n$batinclude maindrv.mod mod\n"}, times_src=root / "src")
    assert {f.name for f in run.inputs if f.role is Role.SOURCE} == {
        "source/initsys.mod",
        "source/initmty.mod",
        "source/maindrv.mod",
        "source/eq_mod.mod",
        "source/rpt_ext.abc",
    }
    assert run.source == root / "src"


def test_a_users_own_source_files_come_along_and_are_said(look_at: Look, make_tree: MakeTree) -> None:
    root = make_tree(SOURCE)
    run = look_at(
        {
            "case/case.run": "$batinclude initsys.mod\n",
            "case/InitMty.mod": "",
            "case/maindrv.xyz": "",
            "case/a.mod": "",
        },
        times_src=root / "src",
    )
    assert {"model/initmty.mod", "model/maindrv.xyz"} <= names_of(run)
    assert "model/a.mod" not in names_of(run)
    assert sorted(sentence.split(" in ")[0] for sentence in run.warnings) == ["InitMty.mod", "maindrv.xyz"]


def test_what_the_source_includes_by_name_is_found_in_the_model(look_at: Look, make_tree: MakeTree) -> None:
    source = "$if exist msaddf.dd $include msaddf.dd\n$call sed x > _dd_.dd\n$include _dd_.dd\n"
    root = make_tree(SOURCE | {"src/prep.tm": source})
    files = {"case/case.run": "$batinclude initsys.mod\n", "case/MSAddf.dd": "", "case/_dd_.dd": "of an earlier run"}
    names = names_of(look_at(files, times_src=root / "src"))
    assert "model/msaddf.dd" in names
    assert "model/_dd_.dd" not in names


def test_a_missing_times_source_says_how_to_name_it(look_at: Look, make_tree: MakeTree) -> None:
    root = make_tree({f"Gams_SrcTIMES/{name.split('/')[1]}": "" for name in SOURCE})
    with pytest.raises(SourceNotFound) as caught:
        look_at({"wrk/case/case.run": "$batinclude initsys.mod\n"}, at="wrk/case")
    assert "case.run:1 includes 'initsys.mod' of the TIMES source" in str(caught.value)
    assert "--times-src DIR, TIMES_SRC, or times_src in times-doctor.toml" in str(caught.value)
    assert str(caught.value).endswith(f"There is one close by: --times-src {root}/Gams_SrcTIMES")


def test_more_than_a_model_holds_is_refused(look_at: Look) -> None:
    driver = "$include a.dd\n$include b.dd\n"
    files = {"case/case.run": driver, "case/a.dd": "12345", "case/b.dd": "12345"}
    with pytest.raises(TooMuch, match="more than 2 input files"):
        look_at(files, limits=SearchLimits(files=2))
    with pytest.raises(TooMuch, match="of input files"):
        look_at(files, limits=SearchLimits(total_bytes=35))


def test_unicode_and_latin1_names_are_found(look_at: Look) -> None:
    run = look_at(
        {
            "case/case.run": "$include Été.dd\n".encode() + "$include größe.dd\n".encode("cp1252"),
            "case/été.dd": "",
            "case/größe.dd": "",
        }
    )
    assert {"model/été.dd", "model/größe.dd"} <= names_of(run)
    assert [rewrite.after for rewrite in run.rewrites] == [
        "$include été.dd".encode().decode("latin-1"),
        "$include größe.dd".encode().decode("latin-1"),
    ]

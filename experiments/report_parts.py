"""What the report shows: every table and figure of the two papers, and what goes beyond them."""

from dataclasses import dataclass

from experiments import published


@dataclass(frozen=True)
class Part:
    """A table or figure of the report.

    Attributes:
        title: Its heading.
        files: Names of its files in `results/`, in order, each with what it shows: `.png`, `.md`
            or `.csv`.
        command: What measures it, or `None` while nothing does.
        results: Name of the JSON file that says how it was made, or `None`.
        paper: What the paper says of it, as Markdown.
        note: What we say of it ourselves, as Markdown.
        printed: The paper's printed figures, as a Markdown table.
        slider: Whether its two pictures lie on one another, parted by a slider.
        networks: Names of the released networks that it shows, whose descriptions say how they were
            trained.
    """

    title: str
    files: dict[str, str]
    command: str | None = None
    results: str | None = None
    paper: str = ""
    note: str = ""
    printed: str = ""
    slider: bool = False
    networks: tuple[str, ...] = ()


def _table(columns, rows):
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _printed_table1():
    columns = ["sigma", "SNR", "Noisy", "NLM", "K-SVD", "BM3D", "DnCNN", "DnCNN, meta-trained"]
    rows = [
        [
            f"**{sigma}**",
            f"{published.TABLE1_SNR[sigma]:.2f}",
            *(f"{psnr:.2f}, {ssim:.2f}" for psnr, ssim in zip(values, ssims, strict=True)),
        ]
        for (sigma, values), ssims in zip(
            published.TABLE1_PSNR.items(), published.TABLE1_SSIM.values(), strict=True
        )
    ]
    return _table(columns, rows)


def _printed_real(rows):
    columns = ["", "validation PSNR", "SSIM", "testing PSNR", "SSIM"]
    cells = (
        [name, f"{a:.2f}", f"{b:.4f}", f"{c:.2f}", f"{d:.4f}"]
        for name, (a, b, c, d) in rows.items()
    )
    return _table(columns, cells)


_META_OPTIMIZER = (
    Part(
        "Noisy and denoised",
        {
            "table1_noisy.png": "A test photograph with noise",
            "table1_denoised.png": "The same photograph as our DnCNN returns it",
        },
        command="make reproduce-table1",
        results="table1.json",
        slider=True,
    ),
    Part(
        "Table 1: PSNR and SSIM; Table 3: time",
        {
            "table1_psnr.png": "PSNR of each method over the noise level, and its distance from "
            "K-SVD's",
            "table1.md": "The table",
        },
        command="make reproduce-table1",
        results="table1.json",
        paper="DnCNN trained by Adam is the best at every noise level. The networks' SSIM was "
        "computed with a data range of 2 in place of 1, which overstates it. The column of the "
        "meta-trained DnCNN equals the noisy image clipped to [0, 255], our column *Clipped "
        "noise*: that network had learned nothing.",
        printed=_printed_table1(),
    ),
    Part(
        "Table 1 at all twelve sigmas: the networks",
        {
            "table1_networks_psnr.png": "PSNR of the networks over the noise level",
            "table1_networks.md": "The table",
        },
        command="make reproduce-table1 SIGMAS=all CLASSICAL=no",
        results="table1_networks.json",
    ),
    Part(
        "How the released networks were trained",
        {
            "table1_training.png": "Validation PSNR of the released networks in the last stage of "
            "their training (`make train`, `make train PROFILE=meta`), over steps and over the "
            "minutes that these took",
        },
        command="make reproduce-table1",
        paper="50 epochs of 1,600 batches of 128 patches; curves are not shown.",
        note="All settings of each stage are in the JSON files beside the networks' weights, in "
        "`dncnn_keras/weights/`.",
        networks=("dncnn-blind", "dncnn-blind-meta"),
    ),
    Part(
        "Table 1 by the paper's protocol",
        {
            "table1_paper_protocol_psnr.png": "PSNR of each method over the noise level, by the "
            "paper's protocol",
            "table1_paper_protocol.md": "The table",
        },
        command="make reproduce-table1 PROTOCOL=paper",
        results="table1_paper_protocol.json",
        paper="Two mistakes, repeated here: the networks' SSIM with the wrong data range, and BM3D "
        "on clipped 8-bit images (which is inferred from its figures).",
    ),
    Part(
        "Table 2: visual comparison",
        {"table1_visual.png": "A test photograph: clean, noisy and as each method denoises it"},
        command="make reproduce-table1",
        results="table1.json",
        paper="One photograph at sigma 15: NLM and K-SVD lose details, BM3D and DnCNN look alike, "
        "and the meta-trained DnCNN leaves most of the noise.",
    ),
    Part(
        "Figure 3: quadratic functions",
        {
            "figure3.png": "Loss over steps of the learned rule and of five tuned optimizers on "
            "quadratic functions",
            "figure3.md": "The table",
        },
        command="make reproduce-figure3",
        results="figure3.json",
        paper="Curves without numbers: on 10-dimensional quadratic functions, 100 steps each, the "
        "learned optimizer falls below all the others. How those were tuned is not said.",
    ),
    Part(
        "Figure 4: MNIST",
        {
            "figure4.png": "Loss over steps of the learned rule and of five tuned optimizers on "
            "dense networks for MNIST",
            "figure4.md": "The table",
        },
        command="make reproduce-figure4",
        results="figure4.json",
        paper="Curves without numbers: on dense networks of two hidden layers with 20 and with 40 "
        "sigmoid units the learned optimizer falls below all the others.",
    ),
    Part(
        "DnCNN trained by the learned rules",
        {
            "meta-dncnn.png": "Validation PSNR over steps and over time of each optimizer",
            "meta-dncnn.md": "The table",
        },
        command="make reproduce-meta-dncnn",
        results="meta-dncnn.json",
        paper="This was its aim, which it did not reach: its network had learned nothing.",
    ),
    *(
        Part(
            f"DnCNN {about}",
            {
                f"{stem}.png": "Validation PSNR over steps and over time of each optimizer",
                f"{stem}.md": "The table",
            },
            command=f"make reproduce-meta-dncnn SIZE={size}",
            results=f"{stem}.json",
        )
        for about, size in (
            ("trained by the learned rules, 300 and 1,000 steps", "short"),
            ("trained by the learned rules, 1,000 and 3,000 steps", "long"),
            ("trained by more rivals at the better of two schedules, 300 steps", "rivals"),
            ("of depth 20 trained by the learned rules, 300 steps", "depth20"),
            ("with 96 filters trained by the learned rules, 300 steps", "filters96"),
        )
        for stem in (f"meta-dncnn-{size}",)
    ),
    Part(
        "What each part of the rule `default` is worth",
        {
            "meta-dncnn-ablation.png": "Validation PSNR over steps and over time of each rule; the "
            "runs are of several days and partly beside other work, so only the steps compare",
            "meta-dncnn-ablation.md": "The table",
        },
        command="make reproduce-ablation",
        results="meta-dncnn-ablation.json",
    ),
    Part(
        "Other networks trained by the learned rules",
        {
            "transfer.png": "Loss over steps of the learned rules, their anchor and Adam on a "
            "network for photographs and on a small CNN",
            "transfer.md": "The table",
        },
        command="make reproduce-transfer",
        results="transfer.json",
    ),
    *(
        Part(
            f"Meta-training of the rule `{rule}`",
            {
                f"meta_train_{rule}.png": "Meta-loss over epochs, loss of the held-out runs over "
                "epochs, and their learning curves",
                f"meta_train_{rule}_held_out.csv": "Held-out runs after each epoch; -1 is before "
                "the first",
            },
            command=f"make meta-train RULE={rule}",
            results=f"meta_train_{rule}.json",
            paper="100 epochs in 185 minutes; curves are not shown.",
            note=f"The curves are what the command left in `runs/{rule}/` at the rule's release.",
        )
        for rule in ("default", "lengths")
    ),
)

_META_TRANSFER = (
    Part(
        "Table 1: pre-training",
        {
            "real_table1.md": "The table",
            "real_table1_masks.png": "The mask of a validation scene during MAXL",
        },
        command="make reproduce-real-table1",
        results="real_table1.json",
        printed=_printed_real(published.REAL_PRETRAINING),
    ),
    Part(
        "Table 2: meta-transfer learning",
        {"real_table2.md": "The table"},
        command="make reproduce-real-table2",
        results="real_table2.json",
        paper="Adaptation to each image gains 0.03 dB in validation and 0.02 dB in testing. The "
        "unadapted output was not clipped and the adapted one was, which may be part of the gain.",
        printed=_printed_real(published.REAL_TRANSFER),
    ),
    Part(
        "Table 3: ablation",
        {"real_table3.md": "The table"},
        command="make reproduce-real-table3",
        results="real_table3.json",
        printed=_printed_real(published.REAL_ABLATION),
    ),
    Part(
        "A photograph, noisy and denoised",
        {
            "real_table2_noisy.png": "A photograph of the test set",
            "real_table2_adapted.png": "The same by the released network, adapted to it",
        },
        command="make reproduce-real-table2",
        results="real_table2.json",
        slider=True,
    ),
    Part(
        "Figure 3: visual comparison",
        {
            "real_table2.png": "A real photograph: noisy, by RIDNet and MIRNet as they are after "
            "ten minutes, by the released network before and after adaptation, clean, the mask, "
            "and the gain of every step"
        },
        command="make reproduce-real-table2",
        results="real_table2.json",
        paper="Two photographs of the test set by RIDNet, MIRNet and the paper's network, before "
        "and after adaptation.",
    ),
    Part(
        "Figures 5 and 6: the mask",
        {"real_table2_masks.png": "The mask of a validation scene during MTL"},
        command="make reproduce-real-table2",
        results="real_table2.json",
        paper="The mask changes for about 100 epochs and then stays as it is.",
    ),
    Part(
        "Figures 5 and 6: the mask in each training of table 3",
        {"real_table3_masks.png": "The mask of a validation scene during each training"},
        command="make reproduce-real-table3",
        results="real_table3.json",
    ),
    Part(
        "Figures 7 and 8: adaptation step by step, and what it changes in the primary head",
        {
            "real_table2_adaptation.png": "The clean image after every step; below it the primary "
            "head's output before and after, and their difference"
        },
        command="make reproduce-real-table2",
        results="real_table2.json",
        paper="The first step cleans the image, the others little more; the feature maps change "
        "much, whether the image gains much or little.",
    ),
)

_SPEED = (Part("Benchmarks", {"bench.md": "The figures"}, command="make bench"),)

SECTIONS = {
    "Synthetic noise: the first paper": _META_OPTIMIZER,
    "Real noise: the second paper": _META_TRANSFER,
    "Speed": _SPEED,
}

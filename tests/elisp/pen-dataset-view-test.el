;;; pen-dataset-view-test.el --- What the preview of a training set looks like -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-dataset-testing)

(ert-deftest pen-dataset-view-test-shows-summary-table-and-findings ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (should (string-prefix-p
             (concat "puns 3-4    3 records (train 2, valid 1)\n"
                     "with prompt pun-complete\n\n"
                     "      ntokens   nwords    nchars              cost/epoch  4 epochs\n"
                     "mean        3        1         5    pen-tiny        0.00      0.00\n\n"
                     "! Weights do not fit (puns:4). Give one each.\n"
                     "! 1 duplicate\n\n")
             (pen-fixture-text)))
    (should (eq (pen-dataset-test-face-of "! Weights") 'pen-finding-error))
    (should (eq (pen-dataset-test-face-of "! 1 dup") 'pen-finding-warning))))

(ert-deftest pen-dataset-view-test-places-of-changes-stand-in-a-column ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (setq pen-dataset--edits '((:key "aa" :where "puns:1" :exclude t :text "日本語 h̷e̷l̷l̷o̷")
                               (:key "b" :where "puns:2000" :side train :text "four")))
    (pen-dataset-draw)
    (search-forward "Changed by hand")
    (let (columns)
      (while (re-search-forward "\\( \\) puns:[0-9]+$" nil t)
        (push (get-text-property (match-beginning 1) 'display) columns))
      (should (= 2 (length columns)))
      (should (equal (car columns) (cadr columns)))
      (should (eq 'space (car-safe (car columns)))))))

(ert-deftest pen-dataset-view-test-its-keys-fit-into-eighty-columns ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (should (<= (string-width header-line-format) 80))
    (goto-char (point-min))
    (search-forward "one↵")
    (pen-fixture-press "d")
    (should (<= (string-width header-line-format) 80))))

(ert-deftest pen-dataset-view-test-a-window-of-another-width-is-filled ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (let ((tell (car window-size-change-functions)) (inhibit-read-only t))
      (erase-buffer)
      (cl-letf (((symbol-function 'window-old-body-pixel-width) (lambda (_) 17)))
        (with-temp-buffer
          (funcall tell (get-buffer-window "*pen-dataset*"))))
      (should (string-search "puns:3" (pen-fixture-text))))))

(ert-deftest pen-dataset-view-test-the-way-to-launch-is-seen-wherever-one-scrolls ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (should (string-prefix-p "C-c C-c launch" header-line-format))))

(provide 'pen-dataset-view-test)
;;; pen-dataset-view-test.el ends here

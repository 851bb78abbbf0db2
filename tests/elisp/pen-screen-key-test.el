;;; pen-screen-key-test.el --- The keys of every screen -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; What the keys do is tested with each screen; here, that none gets lost.

;;; Code:

(require 'ert)
(require 'subr-x)
(require 'pen)
(require 'pen-preview)
(require 'pen-filter)
(require 'pen-dataset)
(require 'pen-jobs)
(require 'pen-job)
(require 'pen-job-curve)
(require 'pen-compare)
(require 'pen-doctor)
(require 'pen-prompt-mode)

(defconst pen-screen-key-test-keys
  '((pen-command-map
     ("p" . pen-pun-complete) ("c" . pen-complete-long) ("r" . pen-run-prompt-function)
     ("R" . pen-filter-with-prompt-function) ("f" . pen-finetune-region) ("d" . pen-dataset-region)
     ("j" . pen-jobs) ("m" . pen-choose-model) ("x" . pen-compare) ("g" . pen-complete-again)
     ("a" . pen-abort) ("l" . pen-preview-list) ("?" . pen-menu))
    (pen-preview-map
     ("TAB" . pen-preview-accept) ("RET" . pen-preview-accept) ("M-RET" . pen-preview-accept-word)
     ("M-n" . pen-preview-next) ("M-p" . pen-preview-previous) ("C-g" . pen-preview-reject)
     ("C-c ; g" . pen-complete-again) ("C-c ; l" . pen-preview-list))
    (pen-filter-map
     ("C-c C-a" . pen-filter-accept) ("C-c C-k" . pen-filter-reject) ("C-c C-d" . pen-filter-diff)
     ("C-c C-e" . pen-filter-ediff) ("C-c C-n" . pen-filter-next) ("C-c C-p" . pen-filter-previous))
    (pen-dataset-mode-map
     ("RET" . pen-dataset-visit) ("d" . pen-dataset-exclude) ("v" . pen-dataset-other-side)
     ("e" . pen-dataset-edit) ("n" . pen-dataset-next-finding) ("p" . pen-dataset-previous-finding)
     ("P" . pen-dataset-rendering) ("C-c C-o" . pen-dataset-menu) ("C-x C-w" . pen-dataset-write)
     ("C-c C-c" . pen-dataset-launch) ("C-c C-k" . pen-dataset-abort) ("g" . revert-buffer)
     ("q" . quit-window))
    (pen-jobs-mode-map
     ("RET" . pen-job) ("c" . pen-job-cancel) ("p" . pen-job-pause-or-resume) ("x" . pen-job-compare)
     ("m" . pen-job-use-model) ("d" . pen-job-delete-model) ("+" . pen-finetune-file)
     ("g" . revert-buffer) ("S" . tabulated-list-sort) ("q" . quit-window))
    (pen-job-mode-map
     ("RET" . pen-job-visit) ("L" . pen-job-curve-toggle-log) ("X" . pen-job-curve-toggle-x)
     ("s" . pen-job-sample) ("x" . pen-job-compare) ("c" . pen-job-cancel)
     ("p" . pen-job-pause-or-resume) ("m" . pen-job-use-model) ("g" . revert-buffer)
     ("q" . quit-window))
    (pen-job-curve-map
     ("<mouse-1>" . pen-job-curve-select) ("RET" . pen-job-curve-select))
    (pen-compare-mode-map
     ("RET" . pen-compare-next) ("1" . pen-compare-vote) ("2" . pen-compare-vote)
     ("0" . pen-compare-vote) ("b" . pen-compare-toggle-blind) ("q" . pen-compare-quit)
     ("C-c C-k" . pen-compare-stop))
    (pen-doctor-mode-map
     ("g" . revert-buffer) ("i" . pen-install-backend) ("r" . pen-restart-backend) ("l" . pen-log)
     ("w" . pen-doctor-copy) ("q" . quit-window))
    (prompt-description-mode-map
     ("C-c C-c" . pen-prompt-mode-try) ("C-c C-r" . pen-prompt-mode-row)))
  "The keymap of each screen, and what its keys do.")

(ert-deftest pen-screen-key-test-every-screen-has-its-keys ()
  (pcase-dolist (`(,map . ,keys) pen-screen-key-test-keys)
    (when (string-suffix-p "-mode-map" (symbol-name map))
      (with-temp-buffer                 ; a mode has the keys of its parent once it was on
        (funcall (intern (string-remove-suffix "-map" (symbol-name map))))))
    (pcase-dolist (`(,key . ,command) keys)
      (should (equal (list map key (lookup-key (symbol-value map) (kbd key)))
                     (list map key command))))))

(ert-deftest pen-screen-key-test-a-click-on-the-jobs-in-the-mode-line-lists-them ()
  (defvar pen-job-activity)
  (let* ((pen-job-activity "[2 120/400]")
         (text (pen--mode-line))
         (map (get-text-property (string-search "[2" text) 'local-map text)))
    (should (eq (lookup-key map [mode-line mouse-1]) 'pen-jobs))))

(provide 'pen-screen-key-test)
;;; pen-screen-key-test.el ends here

;;; pen-dataset-menu.el --- The options of a training set and its job, as a menu -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; `C-c C-o' in the preview of a training set.  Each key asks for one option;
;; what is left empty is as the definition or the engine says.  Letters are those
;; of openai-ft where it has the option: -e engine's name, -m model, -s scale.
;; The same options are set one by one with `o', and given as keywords in Lisp.

;;; Code:

(require 'transient)
(require 'pen-dataset-state)
(require 'pen-dataset)

;;;; Functions

(defun pen-dataset-menu--describe (key)
  "Return the name of the option KEY, and its value if it has one."
  (let* ((option (assq key pen-dataset-all-options))
         (value (plist-get pen-dataset--arguments key))
         (name (if (eq key :learning-rate-multiplier)
                   "scale"              ; as openai-ft calls it; the other name is long
                 (pen-dataset-option-name option))))
    (cond ((not (assq key pen-dataset--options))
           (propertize name 'face 'shadow))
          (value (concat name " "
                         (propertize (pen-dataset-option-text value)
                                     'face 'transient-value)))
          (t name))))

(defun pen-dataset-menu--set (key)
  "Ask for the option KEY of the preview in this buffer."
  (let ((option (or (assq key pen-dataset--options)
                    (user-error "Only a job has %s; M-x pen-finetune-region launches one"
                                (substring (symbol-name key) 1)))))
    (pen-dataset-set key (pen-dataset-read-option
                          option (plist-get pen-dataset--arguments key)))))

;;;; Commands

(defun pen-dataset-menu-done ()
  "Build the training set again if it depends on what was set."
  (interactive)
  (when (pen-dataset-stale-p)
    (pen-dataset-ask)))

(defun pen-dataset-menu-clear ()
  "Leave all options but the prompt to the definition and the engine."
  (interactive)
  (setq pen-dataset--arguments
        (pen-dataset-options-among pen-dataset--arguments '((:prompt string))))
  (when pen-dataset--plan
    (pen-dataset-draw)))

(eval-when-compile
  (defun pen-dataset-menu--command (key)
    "Return the name of the command that sets the option KEY."
    (intern (concat "pen-dataset-menu-" (substring (symbol-name key) 1))))

  (defun pen-dataset-menu--definition (key)
    "Return the form that defines the command of the option KEY."
    `(defun ,(pen-dataset-menu--command key) ()
       ,(format "Set the option %s of this preview." (substring (symbol-name key) 1))
       (interactive)
       (pen-dataset-menu--set ,key)))

  (defun pen-dataset-menu--column (group)
    "Return GROUP, a title and pairs of a key and an option, as the menu takes it."
    (apply #'vector (car group)
           (mapcar (lambda (pair)
                     (list (car pair) (pen-dataset-menu--command (cadr pair))
                           :description `(lambda () (pen-dataset-menu--describe ,(cadr pair)))
                           :transient t))
                   (cdr group))))

  (defmacro pen-dataset-menu--prefix (&rest groups)
    "Define the menu of GROUPS, which stand beside each other, and its commands."
    `(progn
       ,@(mapcar (lambda (pair) (pen-dataset-menu--definition (cadr pair)))
                 (apply #'append (mapcar #'cdr groups)))
       (transient-define-prefix pen-dataset-menu ()
         "Set the options of a training set and its job."
         [,@(mapcar #'pen-dataset-menu--column groups)]
         [:class transient-row
                 ("RET" "build with these" pen-dataset-menu-done)
                 ("DEL" "clear all" pen-dataset-menu-clear :transient t)
                 ("C-c C-c" "launch" pen-dataset-launch)]))))

(pen-dataset-menu--prefix
 ("Training set"
  ("-p" :prompt) ("-r" :reader) ("-E" :encoding) ("-a" :author) ("-A" :anonymise)
  ("-V" :valid-share) ("-v" :valid) ("-w" :loss-weights) ("-P" :prompt-loss-weight)
  ("-T" :max-tokens) ("-o" :overlong) ("-S" :seed))
 ("Model and steps"
  ("-m" :model) ("-e" :suffix) ("-n" :n-epochs) ("-b" :batch-size)
  ("-s" :learning-rate-multiplier) ("-l" :learning-rate) ("-c" :schedule)
  ("-k" :packing) ("-t" :tune) ("-B" :beta) ("-x" :early-stopping)
  ("-R" :checkpoint-seconds))
 ("Checkpoints, samples, metrics"
  ("-K" :snapshots-every) ("-C" :completions-every) ("-N" :num-completions)
  ("-L" :completion-max-tokens) ("-Q" :completion-prompts) ("-i" :eval-every)
  ("-I" :eval-batch-size) ("-y" :classification) ("-Y" :n-classes)
  ("-+" :positive-class) ("-F" :betas) ("-u" :results)))

(provide 'pen-dataset-menu)
;;; pen-dataset-menu.el ends here

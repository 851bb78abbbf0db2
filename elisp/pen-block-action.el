;;; pen-block-action.el --- What org blocks ask of pen -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; A block completes, builds a training set, fine-tunes or compares; here is how
;; each of these runs as a task.

;;; Code:

(require 'cl-lib)
(require 'seq)
(require 'subr-x)
(require 'pen-plist)
(require 'pen-figure)
(require 'pen-rpc-methods)
(require 'pen-stream)
(require 'pen-prompt)
(require 'pen-request)
(require 'pen-source)
(require 'pen-dataset)
(require 'pen-finetune)
(require 'pen-compare)
(require 'pen-plot)
(require 'pen-job-status)
(require 'pen-block-task)

;;;; Internal variables

(defconst pen-block-action-most 1000000
  "Characters that models may write into the result of a block.")

;;;; Functions

(defun pen-block-action (task then else)
  "Begin TASK; THEN gets its value, ELSE the plist of an error, once and later."
  (pen-block-task-open task then else)
  (funcall (pen-block-task-guarded
            task (pcase (pen-block-task-action task)
                   ('complete #'pen-block-action--complete)
                   ('dataset #'pen-block-action--dataset)
                   ('finetune #'pen-block-action--finetune)
                   ('compare #'pen-block-action--compare)))
           task))

;;;; Functions: values of a prompt's variables

(defun pen-block-action--values (task definition)
  "Return the values with which TASK fills DEFINITION, as the wire wants them.
The body is that of the last variable."
  (let* ((inputs (pen-prompt-inputs definition))
         (names (mapcar #'pen-prompt-variable-name inputs))
         (vars (mapcar (lambda (var) (cons (format "%s" (car var)) (cdr var)))
                       (pen-block-task-vars task)))
         (body (pen-block-task-body task)))
    (pcase-dolist (`(,name) vars)
      (unless (member name names)
        (user-error "The prompt \"%s\" has no variable %s; it has %s"
                    (plist-get definition :slug) name
                    (if names (string-join names ", ") "none"))))
    (unless (string-blank-p body)
      (let ((last (car (last names))))
        (cond ((null last)
               (user-error "The prompt \"%s\" takes no text; empty the block"
                           (plist-get definition :slug)))
              ((assoc last vars)
               (user-error "Both :var and the body of the block are %s; remove one" last)))
        (push (cons last body) vars)))
    (cl-loop for input in inputs
             for var = (assoc (pen-prompt-variable-name input) vars)
             when var
             collect (list (car var) (pen-prompt-variable-text input (pen-block-action--flat (cdr var)))))))

(defun pen-block-action--flat (value)
  "Return VALUE with each row of a table as one text."
  (if (consp value)
      (mapcar (lambda (row)
                (if (consp row)
                    (mapconcat (lambda (cell) (format "%s" cell)) row " ")
                  row))
              (remq 'hline value))
    value))

;;;; Functions: completing

(defun pen-block-action--complete (task)
  "Complete for TASK; the value is the result, nil if it went to a file."
  (let* ((arguments (pen-block-task-arguments task))
         (name (plist-get arguments :prompt)))
    (pen-prompt-with
     name
     (pen-block-task-guarded
      task
      (lambda (definition)
        (let* ((values (pen-block-action--values task definition))
               (options (append (list :n 1) (pen-block-action--history task definition values)))
               (request (pen-request-arguments
                         name (pen-block-action--first-values task values)
                         (append arguments options) (plist-get definition :n))))
          (pen-block-task-expect task (plist-get request :n))
          (pen-block-task-follow task (apply-partially #'pen-request-start request)
                                 (apply-partially #'pen-block-action--completed task)))))
     (pen-block-task-failing task))))

(defun pen-block-action--completed (task result)
  "End TASK with RESULT, or write its texts into a file."
  (let ((file (pen-block-task-file task))
        (texts (pen-block-action-texts result)))
    (if file
        (pen-block-action--write file texts)
      (pen-block-action--fitting texts))
    (pen-block-task-end task (and (not file) result))))

(defun pen-block-action--write (file texts)
  "Write TEXTS into FILE, a paragraph each."
  (let ((coding-system-for-write 'utf-8-unix))
    (with-temp-file file
      (dolist (text texts)
        (insert text "\n")))))

(defun pen-block-action--fitting (texts)
  "Return TEXTS if they may all stand below a block; else keep them in a file."
  (let ((size (apply #'+ (mapcar #'length texts))))
    (when (> size pen-block-action-most)
      (let ((file (make-temp-file "pen-result-" nil ".txt")))
        (pen-block-action--write file texts)
        (user-error "The model wrote %s characters, and %s at most go below a block; \
they are in %s, and those of a block with :file go there at once"
                    (pen-figure-thousands size) (pen-figure-thousands pen-block-action-most)
                    file)))
    texts))

(defun pen-block-action-texts (result)
  "Return the candidates of RESULT without empty lines around them."
  (mapcar (lambda (text) (string-trim text "\n+" "[ \t\n]+"))
          (pen-request-texts result)))

(defun pen-block-action--first-values (task values)
  "Return VALUES as the first request of the conversation of TASK had them."
  (if-let ((turns (pen-block-task-turns task)))
      (append (butlast values) (list (list (caar (last values)) (car (car turns)))))
    values))

(defun pen-block-action--history (task definition values)
  "Return what was said before VALUES in TASK, as DEFINITION has it."
  (when-let ((turns (pen-block-task-turns task)))
    (unless values
      (user-error "The prompt \"%s\" takes no text, so it has no :session"
                  (plist-get definition :slug)))
    (list :history
          (cl-loop for ((_ answer) . rest) on turns
                   collect (list :answer answer
                                 :value (or (car (car rest)) (cadar (last values))))))))

;;;; Functions: training sets

(defun pen-block-action--plan (task options function)
  "Build the training set of TASK with those arguments that are OPTIONS.
FUNCTION gets the plan."
  (let* ((source (pen-block-task-source task))
         (arguments (pen-dataset-options-among
                     (pen-dataset-arguments (pen-block-task-arguments task)) options))
         (request (if source (pen-dataset-request source arguments) arguments)))
    (pen-block-task-follow
     task (lambda (events)
            (pen-stream-start #'pen-rpc-datasets-plan request
                              (lambda (kind plist)
                                (when (and source (memq kind '(done error)))
                                  (pen-source-forget source))
                                (funcall events kind plist))))
     function)))

(defun pen-block-action--dataset (task)
  "Build the training set of TASK; the value is the plan, nil with a file."
  (pen-block-action--plan
   task pen-dataset-options
   (lambda (plan)
     (pen-finetune-check plan)
     (pen-block-task-end task (if-let ((file (pen-block-task-file task)))
                                  (progn (pen-dataset-copy plan file t) nil)
                                plan)))))

;;;; Functions: fine-tuning

(defun pen-block-action--finetune (task)
  "Fine-tune for TASK; the value is the job's id or, with :wait, its details."
  (if (stringp (pen-block-task-source task))
      (pen-block-action--launch task (pen-block-task-source task)
                                (plist-get (pen-block-task-arguments task) :confirm))
    (pen-block-action--plan
     task pen-dataset-options
     (lambda (plan)
       (pen-finetune-check plan)
       (if noninteractive
           (pen-block-action--confirmed task plan)
         ;; A question must not be asked from inside a process filter.
         (run-at-time 0 nil (pen-block-task-guarded task #'pen-block-action--confirmed)
                      task plan))))))

(defun pen-block-action--confirmed (task plan)
  "Launch PLAN for TASK once nobody minds where that is."
  (pen-block-action--launch
   task (plist-get plan :directory)        ; a definition may put it anywhere
   (pen-finetune-confirm plan (plist-get (pen-block-task-arguments task) :confirm))))

(defun pen-block-action--launch (task plan confirmed)
  "Launch a job of TASK on PLAN, the name of a training set; CONFIRMED as there."
  (let ((launched (pen-block-task-guarded task #'pen-block-action--launched)))
    (apply #'pen-rpc-jobs-launch
           :then (lambda (job)
                   (when (pen-block-task-closed task)
                     (pen-rpc-tell (list :kind 'job
                                         :message (format "Job %s was launched all the same; M-x pen-jobs shows it"
                                                          (plist-get job :id)))))
                   (funcall launched task (plist-get job :id)))
           :else (pen-block-task-failing task)
           (pen-finetune-request plan (pen-block-task-arguments task) confirmed))))

(defun pen-block-action--launched (task id)
  "Follow the job ID, or end TASK with it."
  (if (not (plist-get (pen-block-task-arguments task) :wait))
      (pen-block-task-end task id)
    (pen-block-task-note-job task id nil)
    (pen-block-action--watch task id)))

(defun pen-block-action--watch (task id)
  "Follow the job ID to its end, for TASK."
  (pen-block-task-follow
   task (lambda (events)
          (pen-stream-start #'pen-rpc-jobs-watch (list :id id)
                            (lambda (kind plist)
                              (when (eq kind 'progress)
                                (pen-block-task-note-job task id (list :step (plist-get plist :step)
                                                                       :total-steps (plist-get plist :steps))))
                              (funcall events kind plist))))
   (lambda (job)
     (if (pen-job-failed-p (plist-get job :status))
         (pen-block-task-fail
          task (list :kind 'job :message (pen-job-ending id job)))
       (pen-rpc-jobs-show
        :id id
        :then (pen-block-task-guarded task (apply-partially #'pen-block-action--trained task))
        :else (pen-block-task-failing task))))))

(defun pen-block-action--trained (task job)
  "End TASK with JOB, or draw its curve into a file."
  (if-let ((file (pen-block-task-file task)))
      (let ((coding-system-for-write 'utf-8-unix))
        (with-temp-file file
          (insert (pen-block-action--curve (plist-get job :curve))))
        (pen-block-task-end task nil))
    (pen-block-task-end task job)))

(defun pen-block-action--curve (points)
  "Return POINTS of a job as a picture, SVG text; its ground is white."
  (cl-flet ((series (key)
              (cl-loop for point in points
                       when (plist-get point key)
                       collect (cons (plist-get point :step) it))))
    (pen-plot-svg
     (list (list "train" "#3465a4" (series :train-loss))
           (list "valid" "#cc6600" (series :valid-loss)))
     nil nil "step")))

;;;; Functions: comparing

(defun pen-block-action--compare (task)
  "Have both models of TASK write; the value is their names, then the rounds.
A round is its seed and both texts."
  (let* ((arguments (pen-block-task-arguments task))
         (models (plist-get arguments :models))
         (prompt (plist-get arguments :prompt)))
    (unless (= 2 (length models))
      (user-error "A comparison needs two models, such as :models \"base ftjob-7f3a\""))
    (pen-prompt-with
     prompt
     (pen-block-task-guarded
      task
      (lambda (definition)
        (let ((values (pen-block-action--values task definition)))
          (pen-block-action--models
           task models
           (lambda (models)
             (pen-block-action--rounds task prompt values models))))))
     (pen-block-task-failing task))))

(defun pen-block-action--models (task names function)
  "Call FUNCTION with the two models called NAMES, for TASK.
The id of a job means the model that it made, and base the model that
the other one was made from."
  (let ((job (seq-find (lambda (name) (string-prefix-p "ftjob-" name)) names)))
    (cond (job (pen-rpc-jobs-show
                :id job
                :then (pen-block-task-guarded
                       task (lambda (detail)
                              (pen-block-action--models
                               task (pen-block-action--resolved names job detail) function)))
                :else (pen-block-task-failing task)))
          ((member "base" names)
           (pen-rpc-models-show
            :id (car (remove "base" names))
            :then (pen-block-task-guarded
                   task (lambda (model)
                          (funcall function
                                   (cl-substitute (or (plist-get model :base) "pen-tiny")
                                                  "base" names :test #'equal))))
            :else (pen-block-task-failing task)))
          (t (funcall function names)))))

(defun pen-block-action--resolved (names job detail)
  "Return NAMES with the model of JOB, which has DETAIL, and its base."
  (let ((model (or (plist-get detail :fine-tuned-model)
                   (user-error "Job %s has made no model yet; compare when it has succeeded"
                               job))))
    (mapcar (lambda (name)
              (cond ((equal name job) model)
                    ((equal name "base") (plist-get detail :model))
                    (t name)))
            names)))

(defun pen-block-action--rounds (task prompt values models)
  "Have MODELS complete PROMPT with VALUES, one after the other, for TASK."
  (let* ((arguments (pen-block-task-arguments task))
         (seed (or (plist-get arguments :seed) 1))
         (texts nil))
    (cl-labels
        ((next (left)
           (if (null left)
               (pen-block-task-end task (cons models (pen-block-action--pairs
                                                       seed (pen-block-action--fitting
                                                             (nreverse texts)))))
             (pen-block-task-follow
              task
              (apply-partially
               #'pen-request-start
               (pen-compare-request prompt values (cdar left) (caar left)
                                    (pen-plist-only arguments
                                                    '(:temperature :max-tokens :stop))))
              (lambda (result)
                (push (pen-compare-text result) texts)
                (pen-block-task-note-begun task (1- (length texts)))
                (next (cdr left)))))))
      (pen-block-task-expect task (* 2 (or (plist-get arguments :n) 1)))
      (next (cl-loop for one from seed repeat (or (plist-get arguments :n) 1)
                     append (mapcar (lambda (model) (cons one model)) models))))))

(defun pen-block-action--pairs (seed texts)
  "Return TEXTS by twos as rounds from SEED on."
  (cl-loop for (one other) on texts by #'cddr
           for number from seed
           collect (list number one other)))

(provide 'pen-block-action)
;;; pen-block-action.el ends here

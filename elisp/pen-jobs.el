;;; pen-jobs.el --- The list of fine-tuning jobs, live -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; `pen-jobs' lists all jobs of the provider, newest first.  While one of them
;; runs the service tells what changes; the list is drawn only while somebody
;; can see it, and point stays on its job.

;;; Code:

(require 'cl-lib)
(require 'seq)
(require 'tabulated-list)
(require 'pen-rpc)
(require 'pen-rpc-methods)
(require 'pen-redraw)
(require 'pen-figure)
(require 'pen-stream)
(require 'pen-plot)
(require 'pen-job-state)
(require 'pen-job-status)
(require 'pen-job-activity)
(require 'pen-job-follow)
(require 'pen-job-action)
(require 'pen-job)

;;;; Customization

(defcustom pen-jobs-columns '(job model status step train valid eta curve)
  "Columns of the list of jobs, from left to right."
  :type '(repeat (choice (const job) (const prompt) (const model) (const status) (const step)
                         (const train) (const valid) (const eta) (const curve)))
  :group 'pen)

;;;; Keymaps

(defvar pen-jobs-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "RET") #'pen-job)
    (define-key map "c" #'pen-job-cancel)
    (define-key map "d" #'pen-job-delete-model)
    (define-key map "m" #'pen-job-use-model)
    (define-key map "p" #'pen-job-pause-or-resume)
    (define-key map "x" #'pen-job-compare)
    (define-key map "+" #'pen-finetune-file)
    (define-key map (kbd "C-c C-k") #'pen-job-cancel)
    map)
  "Keys of the list of jobs.")

;;;; Internal variables

(defvar-local pen-jobs--jobs nil "The jobs, plists, newest first.")
(defvar pen-jobs--ids (make-hash-table :test #'equal)
  "Ids of jobs to themselves, so that those of one job are one object.")
(defvar-local pen-jobs--drawn nil "The jobs as they were drawn last.")
(defvar-local pen-jobs--stream nil "The subscription to what changes.")
(defvar-local pen-jobs--note "Asking for the jobs…" "What stands in place of jobs, or nil.")

(defconst pen-jobs--columns
  '((job "Job" 13 :created-at) (prompt "Prompt" 14 :prompt) (model "Model" 12 :model)
    (status "Status" 10 :status) (step "Step" 9 :step) (train "Train" 5 :train-loss)
    (valid "Valid" 5 :valid-loss) (eta "ETA" 6 :eta-seconds) (curve "Curve" 12 nil))
  "Columns: name, title, width, and the field that they are sorted by.
The usual ones fit into 80 characters.")

(defconst pen-jobs--most 200
  "How many jobs the service lists at most.")

(defconst pen-jobs--keys
  "RET details  c cancel  p pause/resume  x compare  m use this model
d delete model  + new  g refresh  S sort"
  "What the last lines say.")

;;;; Declarations

(declare-function pen-finetune-file "pen-finetune" (file &rest options))

;;;; Functions: following

(defun pen-jobs-follow ()
  "Ask for the jobs and follow them, in this buffer."
  (pen-jobs--let-go)
  (setq pen-jobs--stream
        (pen-stream-start #'pen-rpc-jobs-watch-all nil
                          (pen-rpc-in-buffer (current-buffer) #'pen-jobs--event))))

(defun pen-jobs--let-go ()
  "Follow the jobs no more."
  (when pen-jobs--stream
    (pen-stream-cancel pen-jobs--stream)
    (setq pen-jobs--stream nil))
  (pen-job-activity-forget))

(defun pen-jobs--event (kind plist)
  "Take the event KIND with PLIST into account."
  (pcase kind
    ('log (when-let ((job (pen-job-datum plist "job")))
            (pen-jobs--learn job)))
    ('done (setq pen-jobs--stream nil)
           (unless (eq (plist-get plist :reason) 'cancelled)
             (setq pen-jobs--jobs (plist-get plist :value)
                   pen-jobs--note nil)
             (pen-job-activity-forget)
             (pen-redraw-changed)))
    ('error (setq pen-jobs--stream nil
                  pen-jobs--note (concat (pen-rpc-sentence plist) " g asks again."))
            (pen-job-activity-forget)
            (pen-redraw-changed)
            (pen-rpc-tell plist))))

(defun pen-jobs--learn (job)
  "Take over JOB as it stands now."
  (let ((known (seq-position pen-jobs--jobs job
                             (lambda (one other)
                               (equal (plist-get one :id) (plist-get other :id))))))
    (if known
        (setcar (nthcdr known pen-jobs--jobs) job)
      (setq pen-jobs--jobs (pen-jobs--with job)))
    (setq pen-jobs--note nil)
    (pen-job-activity-note (plist-get job :id) job)
    (pen-redraw-changed)))

(defun pen-jobs--with (job)
  "Return the jobs with JOB among them, the newest first."
  (let ((newer (seq-take-while (lambda (one) (>= (or (plist-get one :created-at) 0)
                                                 (or (plist-get job :created-at) 0)))
                               pen-jobs--jobs)))
    (append newer (list job) (nthcdr (length newer) pen-jobs--jobs))))

(defun pen-jobs--touched (_job)
  "Follow the jobs again, for somebody turned to one of them."
  (when-let ((buffer (get-buffer "*pen-jobs*")))
    (with-current-buffer buffer
      (unless pen-jobs--stream
        (pen-jobs-follow)))))

;;;; Functions: drawing

(defun pen-jobs--draw ()
  "Draw the list; point stays on its job, in every window."
  (pen-redraw-in-place #'pen-jobs--draw-lines #'pen-jobs--anchor #'pen-jobs--anchored))

(defun pen-jobs--draw-lines ()
  "Draw the lines that are not as they were drawn last."
  (if (pen-jobs--same-lines-p)
      (cl-mapc #'pen-jobs--draw-line pen-jobs--drawn pen-jobs--jobs)
    (setq tabulated-list-entries (mapcar #'pen-jobs--entry pen-jobs--jobs))
    (tabulated-list-print)
    (pen-jobs--foot))
  (setq pen-jobs--drawn (copy-sequence pen-jobs--jobs)))

(defun pen-jobs--same-lines-p ()
  "Return non-nil if the jobs drawn last are those of now, in the same order."
  (and pen-jobs--drawn (null pen-jobs--note) (null tabulated-list-sort-key)
       (equal (mapcar #'pen-jobs--id pen-jobs--drawn)
              (mapcar #'pen-jobs--id pen-jobs--jobs))))

(defun pen-jobs--draw-line (drawn job)
  "Draw the line of JOB anew if it is not what was DRAWN."
  (unless (equal drawn job)
    (goto-char (text-property-any (point-min) (point-max) 'tabulated-list-id
                                  (pen-jobs--id job)))
    (let ((inhibit-read-only t) (entry (pen-jobs--entry job)))
      (tabulated-list-delete-entry)
      (apply #'tabulated-list-print-entry entry)
      (setcdr (assq (car entry) tabulated-list-entries) (cdr entry)))))

(defun pen-jobs--foot ()
  "Insert below the list what is wrong with it, and the keys."
  (let ((inhibit-read-only t))
    (goto-char (point-max))
    (cond (pen-jobs--note
           (let ((start (point)) (fill-column 79)) ; lines are cut at the window's edge
             (insert pen-jobs--note "\n")
             (fill-region start (point))))
          ((null pen-jobs--jobs)
           (insert "There are no jobs yet; M-x pen-finetune-region makes one.\n"))
          ((>= (length pen-jobs--jobs) pen-jobs--most)
           (insert (format "These are the %d newest jobs; M-x pen-job shows any other by its id.\n"
                           pen-jobs--most))))
    (insert "\n" (propertize pen-jobs--keys 'face 'shadow) "\n")))

(defun pen-jobs--anchor (position &optional start)
  "Return what POSITION is at: (ID COLUMN POSITION).
START, of a window, stays at the top if it is there."
  (save-excursion
    (goto-char position)
    (list (unless (and start (bobp)) (tabulated-list-get-id))
          (- position (line-beginning-position))
          position)))

(defun pen-jobs--anchored (anchor)
  "Return where ANCHOR is now."
  (pcase-let ((`(,id ,column ,position) anchor))
    (let ((start (and id (text-property-any (point-min) (point-max)
                                            'tabulated-list-id id))))
      (if start (+ start column) (min position (point-max))))))

(defun pen-jobs--entry (job)
  "Return JOB as a line of the list."
  (list (pen-jobs--id job)
        (vconcat (mapcar (lambda (column) (pen-jobs--cell column job)) pen-jobs-columns))))

(defun pen-jobs--id (job)
  "Return the id of JOB, the same object each time."
  (let ((id (plist-get job :id)))
    (or (gethash id pen-jobs--ids)
        (puthash id id pen-jobs--ids))))

(defun pen-jobs--cell (column job)
  "Return the text of COLUMN for JOB."
  (pcase column
    ('job (plist-get job :id))
    ('prompt (or (plist-get job :prompt) ""))
    ('model (file-name-nondirectory (or (plist-get job :model) ""))) ; not whose it is
    ('status (pen-job-standing job))
    ('step (pen-job-step job))
    ('train (pen-jobs--loss (plist-get job :train-loss)))
    ('valid (pen-jobs--loss (plist-get job :valid-loss)))
    ('eta (if (equal (plist-get job :status) "running")
              (pen-figure-duration (plist-get job :eta-seconds))
            ""))
    ('curve (propertize (pen-plot-sparkline (plist-get job :losses)
                                            (nth 2 (assq 'curve pen-jobs--columns)))
                        'face 'pen-curve-train))))

(defun pen-jobs--loss (loss)
  "Return LOSS in little room."
  (if (pen-plot-finite-p loss) (format "%.2f" loss) (pen-figure-loss loss)))

(defun pen-jobs--format ()
  "Return the columns as the list's mode wants them."
  (vconcat (mapcar (lambda (column)
                     (pcase-let ((`(,_ ,title ,width ,field) (assq column pen-jobs--columns)))
                       (list title width (and field (pen-jobs--before field)))))
                   pen-jobs-columns)))

(defun pen-jobs--before (field)
  "Return a function that compares two lines by FIELD of their jobs."
  (lambda (one other)
    (let ((a (plist-get (pen-jobs-job (car one)) field))
          (b (plist-get (pen-jobs-job (car other)) field)))
      (if (and (numberp a) (numberp b))
          (< a b)
        (string< (format "%s" (or a "")) (format "%s" (or b "")))))))

(defun pen-jobs-job (id)
  "Return the job ID."
  (seq-find (lambda (job) (equal (plist-get job :id) id)) pen-jobs--jobs))

(defun pen-jobs--at-point ()
  "Return what is known of the job of this line, nil if there is none."
  (when-let ((id (tabulated-list-get-id)))
    (or (pen-jobs-job id) (list :id id))))

;;;; Commands

(define-derived-mode pen-jobs-mode tabulated-list-mode "Pen-Jobs"
  "Mode of *pen-jobs*, the list of fine-tuning jobs.

\\{pen-jobs-mode-map}"
  :interactive nil
  (setq tabulated-list-format (pen-jobs--format)
        mode-line-process " ? keys")    ; below many jobs no window shows them
  (setq-local revert-buffer-function (lambda (&rest _) (pen-jobs-follow)))
  (setq-local pen-job-at-point-function #'pen-jobs--at-point)
  (pen-redraw-this-buffer #'pen-jobs--draw)
  (add-hook 'kill-buffer-hook #'pen-jobs--let-go nil t)
  (add-hook 'pen-job-touched-functions #'pen-jobs--touched)
  (tabulated-list-init-header))

;;;###autoload
(defun pen-jobs ()
  "List the fine-tuning jobs, live; return the buffer."
  (interactive)
  (let ((buffer (get-buffer-create "*pen-jobs*")))
    (with-current-buffer buffer
      (unless (derived-mode-p 'pen-jobs-mode)
        (pen-jobs-mode)
        (pen-redraw-now pen-redraw-here))
      (unless pen-jobs--stream
        (pen-jobs-follow)))
    (pop-to-buffer buffer)
    buffer))

(provide 'pen-jobs)
;;; pen-jobs.el ends here
